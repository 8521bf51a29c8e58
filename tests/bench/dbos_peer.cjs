// DBOS on PostgreSQL: one workflow of COUNT steps, each durable before the next. Prints steps per second.
//   dbos_peer.cjs DATABASE_URL COUNT
const { DBOS } = require("@dbos-inc/dbos-sdk");

const [url, count] = [process.argv[2], Number(process.argv[3])];

async function chain(steps) {
  for (let i = 0; i < steps; ++i) {
    await DBOS.runStep(async () => i, { name: "step" });
  }
  return steps;
}
const workflow = DBOS.registerWorkflow(chain, { name: "chain" });

(async () => {
  DBOS.setConfig({ name: "bench", systemDatabaseUrl: url, logLevel: "error" });
  await DBOS.launch();
  await workflow(10); // warm
  const began = process.hrtime.bigint();
  await workflow(count);
  console.log((count * 1e9) / Number(process.hrtime.bigint() - began));
  await DBOS.shutdown();
})();
