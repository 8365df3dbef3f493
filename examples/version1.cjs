// The example of version 1's README, from CommonJS. Three lines differ from it: the first two were `import * as ... from`,
// and the last one calls the function, which the README had left out.
const cluster = require("cluster");
const os = require("os");

if (cluster.isMaster) {
    let WORKER_ID = 1;

    for (let i=0; i < os.cpus().length; i++) {
        cluster.fork({ WORKER_ID: WORKER_ID++ });
    }
} else {
    // You could import cluster-storage at the top along with other modules, 
    // here I require it only in the worker process is just to emphasize that it
    // does not need cluster module for support.
    const { Storage } = require("cluster-storage");
    const { WORKER_ID } = process.env;

    function sleep(timeout) {
        return new Promise(resolve => setTimeout(resolve, timeout));
    }

    var store = new Storage("my-store");

    (async () => {
        if (WORKER_ID == "1") {
            // Only set data in worker 1.
            store.set("foo", "Hello, World!");
            store.set("bar", { name: "World", greeting: "Hello" });

            console.log(store.get("foo")); // Hello, World!
            console.log(store.get("bar")); // { name: "World", greeting: "Hello" }

            store.delete("foo");
            console.log(store.get("foo")); // null

            store.set("bar.name", "Mr. World");
            console.log(store.get("bar")); // { name: "Mr. World", greeting: "Hello" }

            store.set("bar.greeting", "Hi", 1000); // only exist for 1 sec
            console.log(store.get("bar.greeting")); // Hi

            await sleep(1000);
            console.log(store.get("bar.greeting")); // null
            console.log(store.get("bar")); // { name: "Mr. World" }
        } else {
            // Other workers just get those data. Only for example, due to IPC 
            // delay, you may not get expected result immediately here.
            console.log(store.get("foo")); // Hello, World!
            console.log(store.get("bar")); // { name: "World", greeting: "Hello" }
            console.log(store.get("foo")); // null
            console.log(store.get("bar")); // { name: "Mr. World", greeting: "Hello" }
            console.log(store.get("bar.greeting")); // Hi
            console.log(store.get("bar.greeting")); // null
            console.log(store.get("bar")); // { name: "Mr. World" }
        }
    })();
}
