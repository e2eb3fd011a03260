// Draws the API's description, /openapi.json, as a page.

const element = (name, text = "", ...children) => {
  const made = document.createElement(name);
  made.textContent = text;
  made.append(...children);
  return made;
};

const anchor = (method, path) => `${method}-${path}`.replace(/[^a-z0-9]+/gi, "-").replace(/-$/, "");

// A schema in a few words; references are followed.
function words(schema, all) {
  if (!schema) return "";
  if (schema.$ref) return words(all[schema.$ref.split("/").pop()], all);
  if (schema.anyOf) return schema.anyOf.map((one) => words(one, all)).filter((one) => one !== "null").join(" or ");
  if (schema.enum) return schema.enum.join(", ");
  if (schema.contentMediaType) return "file";
  if (schema.contentEncoding) return `${schema.contentEncoding} text`;
  if (schema.prefixItems) return `[${schema.prefixItems.map((one) => words(one, all)).join(", ")}]`;
  if (schema.type === "array") return `list of ${words(schema.items, all)}`;
  if (schema.properties) return `{${Object.keys(schema.properties).join(", ")}}`;
  const { minimum, maximum } = schema;
  return (schema.type ?? "") + (minimum === undefined || maximum === undefined ? "" : ` ${minimum} to ${maximum}`);
}

function table(title, heads, rows) {
  const head = element("tr", "", ...heads.map((one) => Object.assign(element("th", one), { scope: "col" })));
  const body = rows.map((row) => element("tr", "", ...row.map((one) => element("td", one))));
  const drawn = element("table", "", element("caption", title), element("thead", "", head), element("tbody", "", ...body));
  const box = element("div", "", drawn);
  box.className = "scroll";
  return box;
}

function fields(body, all) {
  const [kind, { schema }] = Object.entries(body.content)[0];
  const rows = Object.entries(schema.properties).map(([name, one]) => [
    name, words(one, all), one.description ?? "", one.examples?.[0] ?? "",
  ]);
  return table(`Fields (${kind})`, ["name", "type", "meaning", "for example"], rows);
}

function answers(responses, all) {
  const rows = Object.entries(responses).map(([status, one]) => [
    status,
    one.description ?? "",
    Object.entries(one.content ?? {}).map(([kind, { schema }]) => [kind, words(schema, all)].join(": ")).join("; "),
  ]);
  return table("Answers", ["status", "", "content"], rows);
}

function operation(method, path, about, all) {
  const name = element("h2", "", Object.assign(element("span", method.toUpperCase()), { className: "method" }));
  name.append(" ", element("code", path));
  const part = element("section", "", name, element("p", about.description ?? about.summary));
  part.id = anchor(method, path);
  if (about.requestBody) part.append(fields(about.requestBody, all), example(method, path, about.requestBody));
  part.append(answers(about.responses, all));
  return part;
}

function example(method, path, body) {
  const known = Object.keys(Object.values(body.content)[0].schema.properties);
  const given = ["image=@photo.jpg", "mask=@mask.png"].filter((one) => known.includes(one.split("=")[0]));
  return element("pre", `curl ${given.map((one) => `-F ${one}`).join(" ")} ${location.origin}${path}`);
}

function draw({ info, paths, components }) {
  document.getElementById("about").textContent = `${info.description} Version ${info.version}.`;
  const all = components?.schemas ?? {};
  for (const [path, methods] of Object.entries(paths)) {
    for (const [method, about] of Object.entries(methods)) {
      const link = Object.assign(element("a", `${method.toUpperCase()} ${path}`), { href: `#${anchor(method, path)}` });
      document.getElementById("index").append(element("li", "", link));
      document.getElementById("operations").append(operation(method, path, about, all));
    }
  }
}

try {
  draw(await (await fetch("/openapi.json")).json());
} catch (error) {
  const failure = document.getElementById("failure");
  failure.textContent = `The description could not be loaded: ${error.message}`;
  failure.hidden = false;
}
