// Runs a definition once through npm's aws-local-stepfunctions: asl_peer.cjs DEFINITION INPUT. Prints the seconds.
const fs = require('fs');
const { StateMachine } = require('aws-local-stepfunctions');

const [definition, input] = process.argv.slice(2).map((path) => JSON.parse(fs.readFileSync(path, 'utf8')));
const machine = new StateMachine(definition);
const began = process.hrtime.bigint();
machine.run(input).result.then(() => {
  console.log(Number(process.hrtime.bigint() - began) / 1e9);
});
