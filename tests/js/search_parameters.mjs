// What every search parameter of R4 finds in the standard's examples, by an independent FHIRPath engine.
//
// `node search_parameters.mjs` compares with what is committed (crates/search/tests/data/oracle.txt), `--write` writes
// it, `--values [TYPE.code]` prints the values instead, `--exercise` writes resources for the parameters that no example
// exercises (crates/search/tests/data/exercised.ndjson). A line of the file: type, code, how many resources have a
// value, how many different values there are, and a hash of them. crates/search/tests/extract/oracle.rs makes the same
// lines of the entries that extraction finds.
import { readFileSync, writeFileSync } from "node:fs";
import fhirpath from "fhirpath";
import r4 from "fhirpath/fhir-context/r4/index.js";
import { decompress } from "fzstd";

const root = new URL("../../", import.meta.url);
const committed = new URL("crates/search/tests/data/oracle.txt", root);
const text = (path) => readFileSync(new URL(path, root), "utf8");

function readParameters() {
  const found = [];
  for (const line of text("crates/fhir/data/search-parameters.txt").split("\n")) {
    const [word, ...rest] = line.trim().split(" ");
    const one = found.at(-1);
    if (line.startsWith("parameter ")) found.push({ url: rest.join(" "), bases: [], targets: [], components: [] });
    else if (word === "code" || word === "kind") one[word] = rest.join(" ");
    else if (word === "base") one.bases = rest;
    else if (word === "target") one.targets = rest;
    else if (word === "expression") one.expression = rest.join(" ");
    else if (word === "component") one.components.push({ url: rest[0], expression: rest.slice(1).join(" ") });
  }
  return found.filter((one) => one.expression && !["_id", "_lastUpdated"].includes(one.code));
}

const isBase = (base, type) =>
  base === type || base === "Resource" ||
  (base === "DomainResource" && !["Binary", "Bundle", "Parameters"].includes(type));

// resolve() would fetch; what the reference itself says of the type is enough.
let current;
const typeOf = (reference) => {
  const literal = reference.reference ?? "";
  if (literal.startsWith("#")) {
    const inside = (current.contained ?? []).find((one) => one.id === literal.slice(1));
    return (literal === "#" ? current : inside)?.resourceType ?? reference.type;
  }
  const match = /(?:^|\/)([A-Z][A-Za-z]+)\/[A-Za-z0-9.-]{1,64}(?:\/_history\/[^/]+)?$/.exec(literal);
  return (!literal.startsWith("urn:") && match?.[1]) || reference.type;
};
const functions = {
  refersTo: { fn: (inputs, type) => inputs.map((one) => typeOf(one.data ?? one) === type), arity: { 1: ["String"] } },
};
// A union compares its items, and the engine cannot compare quantities with a comparator: so each side by itself.
function sides(expression) {
  let depth = 0;
  const found = [""];
  for (const letter of expression) {
    depth += { "(": 1, ")": -1 }[letter] ?? 0;
    if (letter === "|" && depth === 0) found.push("");
    else found[found.length - 1] += letter;
  }
  return found.map((side) => side.trim());
}
const evaluate = (node, base, expression) => sides(expression).flatMap((side) => evaluateSide(node, base, side));
const compiled = new Map();
function evaluateSide(node, base, expression) {
  const key = `${base ?? ""} ${expression}`;
  if (!compiled.has(key)) {
    // R4 casts whole collections, which `as` does not do since; and it misspells a type.
    const plain = expression.replace(/resolve\(\) is (\w+)/g, "refersTo('$1')").replace(/\bDateTime\b/g, "dateTime")
      .replace(/ as (\w+)/g, ".ofType($1)").replace(/\.as\((\w+)\)/g, ".ofType($1)")
      .replace(/hasExtension\(([^)]*)\)/g, "extension($1).exists()");
    const path = base ? { base, expression: plain } : plain;
    const options = { userInvocationTable: functions, resolveInternalTypes: false };
    compiled.set(key, fhirpath.compile(path, r4, options));
  }
  // Nodes know their data and type; what is computed is a value.
  return compiled.get(key)(node, { resource: current }).flatMap((one) => {
    const { data: value, fhirNodeDataType: type, path } = one?.fhirNodeDataType ? one : { data: one };
    // An extension counts by its value.
    return type === "Extension" ? evaluateSide(value, "Extension", "value") : [{ value, type, path }];
  });
}

const bits = (number) => {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, number);
  return view.getBigUint64(0).toString(16).padStart(16, "0");
};
const there = (value) => typeof value === "string" && value !== "";
const list = (value) => (value === undefined ? [] : Array.isArray(value) ? value : [value]);
const texts = (values) => values.filter(there).map((value) => `s:${value}`);

// The microseconds that a date covers: from the first up to, not including, the last.
function span(written) {
  const match = /^(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d+))?)?(Z|[+-]\d\d:\d\d)?)?)?)?$/.exec(written);
  if (!match) return undefined;
  const [, year, month, day, hour, minute, second, fraction, zone] = match;
  const ms = (...parts) => { const date = new Date(0); date.setUTCFullYear(parts[0], parts[1], parts[2]);
    date.setUTCHours(parts[3] ?? 0, parts[4] ?? 0, parts[5] ?? 0); return BigInt(date.getTime()) * 1000n; };
  if (!month) return [ms(+year, 0, 1), ms(+year + 1, 0, 1)];
  if (!day) return [ms(+year, +month - 1, 1), ms(+year, +month, 1)];
  if (!hour) return [ms(+year, +month - 1, +day), ms(+year, +month - 1, +day + 1)];
  const sign = zone?.[0] === "-" ? 1n : -1n;
  const shift = zone && zone !== "Z" ? sign * BigInt(+zone.slice(1, 3) * 60 + +zone.slice(4)) * 60_000_000n : 0n;
  const from = ms(+year, +month - 1, +day, +hour, +minute, +(second ?? 0)) + shift;
  if (fraction) { const at = from + BigInt(fraction.slice(0, 6).padEnd(6, "0")); return [at, at + 1n]; }
  return [from, from + (second ? 1_000_000n : 60_000_000n)];
}
const first = -(2n ** 63n), last = 2n ** 63n - 1n;
const period = (value) => {
  const [start, end] = [value.start && span(value.start), value.end && span(value.end)];
  return start || end ? [start ? start[0] : first, end ? end[1] : last] : undefined;
};
// An instant is a moment, however many of its digits are written.
const instant = (written) => { const found = span(written); return found && [found[0], found[0] + 1n]; };
const dates = (found) => (found ? [`d:${found[0]}..${found[1]}`] : []);

// The engine keeps decimals as written.
const number = (value) => {
  const at = ["number", "bigint"].includes(typeof value) || typeof value?.toNumber === "function" ? Number(value) : NaN;
  return Number.isNaN(at) ? undefined : at;
};
// The next double above a number, or below it.
function beside(value, way) {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, Number(value));
  if (Number(value) === 0) return Number(way) * Number.MIN_VALUE;
  view.setBigInt64(0, view.getBigInt64(0) + (Number(value) > 0 ? way : -way));
  return view.getFloat64(0);
}
const range = (low, high) => `${bits(low)}..${bits(high)}`;
const quantity = (low, high, unit) =>
  `q:${range(low, high)} ${unit.system ?? ""}|${unit.code ?? ""}|${unit.unit ?? ""}`;
const token = (system, code) => `t:${system ?? ""}|${code ?? ""}`;

const coding = (one) => [
  ...(there(one.system) || there(one.code) ? [token(one.system, one.code)] : []),
  ...(there(one.display) ? [`x:${one.display}`] : []),
];
const primitives = ["code", "id", "string", "uri", "url", "canonical", "oid", "uuid"];
const local = /^(?:[A-Z][A-Za-z]+)\/[A-Za-z0-9.-]{1,64}(?:\/_history\/[A-Za-z0-9.-]+)?$/;

function reference(written) {
  const found = [`r:${written}`];
  const versioned = /^(https?:.*\/[A-Z][A-Za-z]+\/[A-Za-z0-9.-]{1,64})\/_history\/[A-Za-z0-9.-]+$/.exec(written);
  return versioned && !local.test(written) ? [...found, `r:${versioned[1]}`] : found;
}
const bare = (written) => (written.includes("|") ? [written, written.split("|")[0]] : [written]);

const kinds = {
  token({ value, type }) {
    if (primitives.includes(type)) return there(value) ? [token(undefined, value)] : [];
    if (typeof value === "boolean") return [token(undefined, value)];
    if (type === "Coding") return coding(value);
    if (type === "CodeableConcept") {
      return [...list(value.coding).flatMap(coding), ...(there(value.text) ? [`x:${value.text}`] : [])];
    }
    if (type === "ContactPoint") return there(value.value) ? [token(undefined, value.value)] : [];
    if (type !== "Identifier") return [];
    const types = list(value.type?.coding).filter((one) => there(one.code) && there(value.value));
    return [
      ...(there(value.system) || there(value.value) ? [token(value.system, value.value)] : []),
      ...types.map((one) => `y:${one.system ?? ""}|${one.code}|${value.value}`),
      ...(there(value.type?.text) ? [`x:${value.type.text}`] : []),
    ];
  },
  string({ value, type }) {
    if (["string", "markdown", "code", "id", "uri", "url"].includes(type)) return texts([value]);
    const parts = {
      HumanName: ["family", "text", "given", "prefix", "suffix"],
      Address: ["text", "line", "city", "district", "state", "postalCode", "country"],
    }[type];
    if (parts) return texts(parts.flatMap((part) => list(value[part])));
    if (type !== "CodeableConcept") return [];
    return texts([value.text, ...list(value.coding).map((one) => one.display)]);
  },
  date({ value, type }) {
    if (type === "instant") return dates(instant(String(value)));
    if (["date", "dateTime"].includes(type)) return dates(span(String(value)));
    if (type === "Period") return dates(period(value));
    if (type !== "Timing") return [];
    const bounds = value.repeat?.boundsPeriod && period(value.repeat.boundsPeriod);
    const spans = [...list(value.event).map(span), bounds].filter(Boolean);
    const least = (a, b) => (a < b ? a : b), most = (a, b) => (a > b ? a : b);
    return dates(spans.length ? spans.reduce((a, b) => [least(a[0], b[0]), most(a[1], b[1])]) : undefined);
  },
  number({ value, type }) {
    if (number(value) !== undefined) return [`n:${range(number(value), number(value))}`];
    if (type !== "Range" || (!value.low && !value.high)) return [];
    return [`n:${range(number(value.low?.value) ?? -Infinity, number(value.high?.value) ?? Infinity)}`];
  },
  quantity({ value, type }) {
    if (type === "Money") {
      const unit = value.currency ? { system: "urn:iso:std:iso:4217", code: value.currency } : {};
      return number(value.value) === undefined ? [] : [quantity(value.value, value.value, unit)];
    }
    if (type === "Range") {
      const [low, high] = [number(value.low?.value), number(value.high?.value)];
      if (low === undefined && high === undefined) return [];
      return [quantity(low ?? -Infinity, high ?? Infinity, value.low ?? value.high)];
    }
    const amount = type === "SampledData" ? value.origin : value;
    if (!["Quantity", "Age", "Duration", "Count", "Distance", "SimpleQuantity", "MoneyQuantity", "SampledData"].includes(type)) return [];
    if (number(amount?.value) === undefined) return [];
    const { value: at, comparator } = amount;
    const [low, high] = [comparator === ">" ? beside(at, 1n) : at, comparator === "<" ? beside(at, -1n) : at];
    return [quantity(comparator?.[0] === "<" ? -Infinity : low, comparator?.[0] === ">" ? Infinity : high, amount)];
  },
  reference({ value, type }, { targets }) {
    if (["canonical", "uri", "url"].includes(type) && !there(value)) return [];
    if (type === "canonical") return bare(value).flatMap(reference);
    if (type === "uri" || type === "url") return reference(value);
    if (type === "Reference") {
      const { system, value: number } = value.identifier ?? {};
      return [
        ...(there(value.reference) ? reference(value.reference) : []),
        ...(there(system) || there(number) ? [`i:${system ?? ""}|${number ?? ""}`] : []),
      ];
    }
    const is = value?.resourceType;
    return is && value.id && targets.includes(is) ? [`r:${is}/${value.id}`] : [];
  },
  uri({ value, type }) {
    if (!there(value)) return [];
    return (type === "canonical" ? bare(value) : [value]).map((one) => `u:${one}`);
  },
  special({ value }) {
    const { latitude, longitude } = value;
    return number(latitude) === undefined || number(longitude) === undefined ? [] : [`p:${bits(latitude)} ${bits(longitude)}`];
  },
};

function composites(parameter, byUrl) {
  return evaluate(current, undefined, parameter.expression).flatMap(({ value, path }) => {
    const parts = parameter.components.map(({ url, expression }) => {
      const kind = byUrl.get(url).kind;
      const found = evaluate(value, path, expression).flatMap((one) => kinds[kind](one, parameter));
      return found.filter((one) => !/^[xyi]:/.test(one));
    });
    return parts.reduce((all, some) => all.flatMap((start) => some.map((end) => [...start, end])), [[]])
      .map((combined) => `c:${combined.join(" $ ")}`);
  });
}

// What an element of a data type is made to hold.
const pair = { system: "http://example.org/system", code: "code" };
const samples = {
  boolean: true, integer: 3, positiveInt: 3, unsignedInt: 3, decimal: 1.5, date: "2020-01-02", dateTime: "2020-01-02T03:04:05Z",
  instant: "2020-01-02T03:04:05.678Z", uri: "http://example.org/uri", url: "http://example.org/url", oid: "urn:oid:1.2.3",
  uuid: "urn:uuid:c757873d-ec9a-4326-a141-556f43239520", canonical: "http://example.org/canonical|1.0",
  Coding: { ...pair, display: "Display" }, CodeableConcept: { coding: [{ ...pair, display: "Display" }], text: "Text" },
  Identifier: { system: "http://example.org/ids", value: "1", type: { coding: [pair], text: "Type" } },
  HumanName: { family: "Family", given: ["Given"], prefix: ["Dr"], suffix: ["jr"], text: "Name" },
  Address: { line: ["Line"], city: "City", district: "District", state: "State", postalCode: "12345", country: "Country", text: "All" },
  ContactPoint: { value: "contact" }, Money: { value: 1.5, currency: "EUR" },
  Range: { low: { value: 1, unit: "mg" }, high: { value: 2, unit: "mg" } }, Period: { start: "2020-01", end: "2020-02-03" },
  Timing: { event: ["2020-01-02"], repeat: { boundsPeriod: { start: "2019", end: "2021" } } },
  SampledData: { origin: { value: 1.5, unit: "V" }, period: 1, dimensions: 1 },
};
const amount = { value: 1.5, unit: "mg", system: "http://unitsofmeasure.org", code: "mg" };
for (const type of ["Quantity", "Age", "Duration", "Count", "Distance", "SimpleQuantity"]) samples[type] = amount;

// Puts a value where `expression` leads from `node`, an element of type `path`; what it takes is read off its text.
function put(root, node, path, expression, { kind, targets }) {
  const steps = expression.replace(/^\(+|\)+$/g, (brackets) => (brackets[0] === "(" ? "" : brackets)).split(/\.(?![^(]*\))/);
  let type = path;
  steps.forEach((written, at) => {
    const step = written.replace(/^\(/, "").replace(/ as (\w+)\)*$/, "");
    const cast = / as (\w+)/.exec(written)?.[1] ?? /^(?:as|ofType)\((\w+)\)/.exec(steps[at + 1] ?? "")?.[1];
    const wanted = /^where\((\w+) ?= ?'([^']*)'\)/.exec(step);
    if (wanted) return void (node[wanted[1]] = wanted[2]);
    if (/^(as|ofType|exists)\(|^where\(|^\$this/.test(step)) return;
    if (step === "%resource") { [node, type] = [root, root.resourceType]; return; }
    const extension = /^extension\('([^']*)'\)/.exec(step);
    if (extension) {
      const one = { url: extension[1] };
      node.extension = [one];
      [node, type] = [one, "Extension"];
      if (at === steps.length - 1 && kind === "reference") one.valueReference = { reference: "Condition/1" };
      else if (at === steps.length - 1) one.valueCodeableConcept = samples.CodeableConcept;
      return;
    }
    const name = step.replace(/\[0\]|\)+$/g, "");
    const full = `${type}.${name}`;
    const key = r4.pathsDefinedElsewhere[full] ?? full;
    const choices = r4.choiceTypePaths[key];
    const fits = (choice) => !cast || choice.toLowerCase() === cast.toLowerCase();
    const liked = { reference: "Reference", token: "CodeableConcept" }[kind];
    const choice = choices?.find((one) => !cast && one === liked) ?? choices?.find(fits);
    let inner = choice ? choice[0].toLowerCase() + choice.slice(1) : undefined;
    if (choice && !samples[inner]) inner = choice;
    inner ??= r4.path2Type[key]?.code ?? r4.path2Type[key] ?? key;
    if (inner === "BackboneElement" || inner === "Element") inner = key;
    const resolved = expression.match(/resolve\(\) is (\w+)/)?.[1];
    const target = resolved ?? targets[0] ?? "Basic";
    const isLast = steps.slice(at + 1).every((rest) => /^(as|ofType|exists)\(|^where\(resolve/.test(rest));
    let value = isLast ? samples[inner] ?? { Reference: { reference: `${target}/1`, identifier: { system: "s", value: "v" } } }[inner] : undefined;
    value ??= inner === "Resource" ? { resourceType: target, id: "inner" }
      : key === "Location.position" ? { longitude: 2.5, latitude: 1.5 } : /^[a-z]+$/i.test(inner) && inner[0] === inner[0].toLowerCase() ? "exercised" : {};
    const member = choice ? name + choice[0].toUpperCase() + choice.slice(1) : name;
    const isList = r4.path2Repeating?.[key] ?? r4.path2Repeating?.has?.(key);
    value = structuredClone(value);
    if (node[member] !== undefined && !isLast) value = list(node[member])[0];
    node[member] = isList ? [value] : value;
    [node, type] = [value, inner];
  });
  return [node, type];
}

// What cannot be read off the text of an expression.
const byHand = {
  "QuestionnaireResponse item-subject": { item: [{ extension: [{
    url: "http://hl7.org/fhir/StructureDefinition/questionnaireresponse-isSubject", valueBoolean: true }],
  answer: [{ valueReference: { reference: "Patient/1" } }] }] },
  "MedicationKnowledge ingredient": { ingredient: [{ itemReference: { reference: "Substance/1" } }] },
  "MedicationKnowledge ingredient-code": { ingredient: [{ itemCodeableConcept: samples.CodeableConcept }] },
};

function exercise(parameter, type) {
  const resource = { resourceType: type, id: `${type}-${parameter.code}`.slice(0, 64) };
  const known = byHand[`${type} ${parameter.code}`];
  if (known) return { ...resource, ...known };
  const heads = [type, "Resource", "DomainResource"];
  const side = sides(parameter.expression).find((one) => heads.includes(one.replace(/^\(+/, "").split(".")[0]));
  const path = side.replace(/^(\(*)\w+\.?/, "$1");
  let [node, at] = path ? put(resource, resource, type, path, parameter) : [resource, type];
  for (const { url, expression } of parameter.components) put(resource, node, at, sides(expression)[0], byUrl.get(url));
  return resource;
}

const parameters = readParameters();
const byUrl = new Map(parameters.map((one) => [one.url, one]));
const examples = [
  ...new TextDecoder().decode(decompress(readFileSync(new URL("crates/fhir/tests/data/examples.ndjson.zst", root)))).split("\n"),
  ...text("crates/search/tests/data/exercised.ndjson").split("\n"),
].filter((line) => line && /^[A-Za-z0-9.-]{1,64}$/.test(JSON.parse(line).id ?? "none"));

const found = new Map();
for (const type of new Set(examples.map((line) => JSON.parse(line).resourceType))) {
  for (const { code, bases } of parameters) if (bases.some((base) => isBase(base, type))) found.set(`${type} ${code}`, []);
}
for (const line of examples) {
  current = JSON.parse(line);
  const type = current.resourceType;
  const values = new Map();
  for (const parameter of parameters.filter(({ bases }) => bases.some((base) => isBase(base, type)))) {
    const lines = parameter.kind === "composite" ? composites(parameter, byUrl)
      : evaluate(current, undefined, parameter.expression).flatMap((one) => kinds[parameter.kind](one, parameter));
    const key = `${type} ${parameter.code}`;
    values.set(key, new Set([...(values.get(key) ?? []), ...lines]));
  }
  for (const [key, lines] of values) if (lines.size) found.get(key).push([current.id ?? "", lines]);
}

// FNV-1a, 64 bits, over the lines in order.
function hash(lines) {
  let state = 0xcbf29ce484222325n;
  for (const byte of new TextEncoder().encode(lines.map((line) => `${line}\n`).join(""))) {
    state = BigInt.asUintN(64, (state ^ BigInt(byte)) * 0x100000001b3n);
  }
  return state.toString(16).padStart(16, "0");
}
const inBytes = (a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b));
if (process.argv.includes("--exercise")) {
  const made = [];
  const types = text("crates/fhir/data/resource-types.txt").split("\n").filter((line) => /^[A-Z]/.test(line)).map((line) => line.split(" ")[0]);
  for (const type of types) {
    const parts = parameters.filter(({ bases }) => bases.some((base) => isBase(base, type)));
    const meta = { tag: [pair], security: [{ ...pair, code: "R" }], profile: ["http://example.org/profile|1"], source: "http://example.org/source" };
    made.push({ resourceType: type, id: "meta", meta });
    for (const one of parts) {
      const isNew = !(found.get(`${type} ${one.code}`) ?? []).some(([id]) => id !== `${type}-${one.code}`);
      if (isNew && !one.code.startsWith("_")) made.push(exercise(one, type));
    }
  }
  writeFileSync(new URL("crates/search/tests/data/exercised.ndjson", root), made.map((one) => `${JSON.stringify(one)}\n`).join(""));
  process.exit(0);
}
const wanted = process.argv.indexOf("--values");
const rows = [];
for (const [key, resources] of [...found].sort(([a], [b]) => inBytes(a, b))) {
  const lines = resources.flatMap(([id, values]) => [...values].map((value) => `${id}\t${value}`)).sort(inBytes);
  rows.push(`${key} ${resources.length} ${lines.length} ${hash(lines)}`);
  if (wanted > 0 && [undefined, key.replace(" ", ".")].includes(process.argv[wanted + 1])) {
    for (const line of lines) console.log(`${key}\t${line}`);
  }
}
const head = "# Made by `node tests/js/search_parameters.mjs --write`: type, code, resources, values, hash; see there.\n";
if (process.argv.includes("--write")) writeFileSync(committed, head + rows.join("\n") + "\n");
else if (wanted < 0) {
  const same = readFileSync(committed, "utf8") === head + rows.join("\n") + "\n";
  console.log(same ? "ok" : "crates/search/tests/data/oracle.txt is stale");
  process.exitCode = same ? 0 : 1;
}
