// The OpenAPI document of a silo is loaded and validated by a library that nobody here wrote.
//   node openapi.mjs --silo http://HOST:PORT
import { parseArgs } from "node:util";
import SwaggerParser from "@apidevtools/swagger-parser";

const { values } = parseArgs({ options: { silo: { type: "string" } } });
let failed = 0;
try {
  const answer = await fetch(`${values.silo}/openapi/v1.json`);
  const document = await SwaggerParser.validate(await answer.json());
  const routes = Object.keys(document.paths).length;
  if (routes < 30) throw new Error(`only ${routes} routes are described`);
  console.log(`ok OpenAPI ${document.openapi}: ${routes} routes`);
} catch (fault) {
  failed = 1;
  console.log(`FAILED OpenAPI: ${fault.message}`);
}
console.log(`${1 - failed} passed, ${failed} failed`);
