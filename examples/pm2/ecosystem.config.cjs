/** What PM2 runs: `npx pm2 start examples/pm2/ecosystem.config.cjs`. The storage needs no setting; see app.mjs. */
module.exports = {
  apps: [
    {
      name: "visits",
      script: "./app.mjs",
      cwd: __dirname,
      exec_mode: "cluster",
      instances: 4,
      wait_ready: true, // app.mjs says when it is
      kill_timeout: 5000, // ms that an instance has to end
    },
  ],
};
