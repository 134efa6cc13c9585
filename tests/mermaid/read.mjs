// Reads diagrams with Mermaid itself. Each line of stdin is a diagram as a JSON string; each line of
// stdout says what it is and which texts it shows, or why it is none.
//
//   node read.mjs DIRECTORY_WITH_NODE_MODULES
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const modules = resolve(process.argv[2], "node_modules");
const { JSDOM } = createRequire(join(modules, "here.js"))("jsdom");
const { window } = new JSDOM("<!doctype html><body></body>");
globalThis.window = window;
globalThis.document = window.document;

const module = pathToFileURL(join(modules, "mermaid/dist/mermaid.core.mjs"));
const mermaid = (await import(module)).default;
mermaid.initialize({ startOnLoad: false, securityLevel: "strict" });

// What stands for a character while a diagram is parsed becomes that character on the page.
function shown(text) {
  const html = text.replaceAll("ﬂ°°", "&#").replaceAll("ﬂ°", "&").replaceAll("¶ß", ";");
  const element = window.document.createElement("div");
  element.innerHTML = html.replaceAll(/<br\s*\/?>/g, "\n");
  return element.textContent;
}

function texts(diagram) {
  const db = diagram.db;
  if (diagram.type === "gantt") {
    return [...db.getSections(), ...db.getTasks().map((task) => task.task)];
  }
  return [
    ...[...db.getVertices().values()].map((vertex) => vertex.text),
    ...db.getEdges().map((edge) => edge.text).filter((text) => text),
    ...db.getSubGraphs().map((graph) => graph.title),
  ];
}

for await (const line of createInterface({ input: process.stdin })) {
  const text = JSON.parse(line);
  let answer;
  try {
    await mermaid.parse(text);
    const diagram = await mermaid.mermaidAPI.getDiagramFromText(text);
    answer = { kind: diagram.type, texts: texts(diagram).map(shown) };
  } catch (error) {
    answer = { error: String(error.message ?? error) };
  }
  process.stdout.write(JSON.stringify(answer) + "\n");
}
