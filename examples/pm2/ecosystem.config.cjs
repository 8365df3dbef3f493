/** The configuration for `npx pm2 start examples/pm2/ecosystem.config.cjs`. The storage needs no setting; see app.mjs. */
module.exports = {
  apps: [
    {
      name: "visits",
      script: "./app.mjs",
      cwd: __dirname,
      exec_mode: "cluster",
      instances: 4,
      wait_ready: true, // until app.mjs sends "ready"
      kill_timeout: 5000, // how long an instance may take to stop, in ms
    },
  ],
};
