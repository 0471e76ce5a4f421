// Reads a list of queries from its first argument; prints, for each, where Grafana's grammar stumbles (-1: nowhere).
const { parser } = require("@grafana/lezer-logql");

const found = JSON.parse(process.argv[2]).map((query) => {
  let at = -1;
  parser.parse(query).iterate({ enter: (node) => { if (node.type.isError && at < 0) at = node.from; } });
  return at;
});
console.log(JSON.stringify(found));
