// Times the same cases with npm's jsonata: node jsonata_peer.cjs CASES. Prints {"name","us"} per line, processor time of one evaluation.
const fs = require('fs');
const jsonata = require('jsonata');

async function main() {
  for (const test of JSON.parse(fs.readFileSync(process.argv[2], 'utf8'))) {
    const expression = jsonata(test.expr);
    // Half a second to let the compiler warm up, then as much as that again to measure.
    const warmUntil = Date.now() + 500;
    let iterations = 0;
    while (Date.now() < warmUntil) {
      await expression.evaluate(test.data, test.bindings);
      iterations++;
    }
    const before = process.cpuUsage();
    for (let i = 0; i < iterations; i++) {
      await expression.evaluate(test.data, test.bindings);
    }
    const used = process.cpuUsage(before);
    console.log(JSON.stringify({name: test.name, us: (used.user + used.system) / iterations}));
  }
}
main();
