// fhir-kit-client, unmodified: capabilities, create, read, update, patch, search with paging, history, batch and
// transaction, conditional create, delete, and an operation.
import assert from 'node:assert/strict';
import { Client } from 'fhir-kit-client';

const client = new Client({ baseUrl: process.env.BASE.replace(/\/$/, '') });

const statement = await client.capabilityStatement();
assert.equal(statement.resourceType, 'CapabilityStatement');
assert.equal(statement.fhirVersion, '4.0.1');

const patient = await client.create({
  resourceType: 'Patient',
  body: { resourceType: 'Patient', name: [{ family: 'Kit', given: ['Ann'] }], active: true },
});
const read = await client.read({ resourceType: 'Patient', id: patient.id });
assert.deepEqual(read, patient);
const updated = await client.update({
  resourceType: 'Patient',
  id: patient.id,
  body: { ...patient, birthDate: '1990-05-01' },
});
assert.equal(updated.meta.versionId, '2');
const patched = await client.patch({
  resourceType: 'Patient',
  id: patient.id,
  jsonPatch: [{ op: 'replace', path: '/birthDate', value: '1991-05-01' }],
});
assert.equal(patched.birthDate, '1991-05-01');
const first = await client.vread({ resourceType: 'Patient', id: patient.id, version: '1' });
assert.equal(first.birthDate, undefined);
const versions = await client.history({ resourceType: 'Patient', id: patient.id });
assert.equal(versions.entry.length, 3);

for (let number = 0; number < 5; number += 1) {
  await client.create({
    resourceType: 'Observation',
    body: {
      resourceType: 'Observation',
      status: 'final',
      code: { text: String(number) },
      subject: { reference: `Patient/${patient.id}` },
    },
  });
}
const seen = new Set();
let page = await client.search({
  resourceType: 'Observation',
  searchParams: { patient: patient.id, _count: 2, _include: 'Observation:subject' },
});
assert.ok(page.entry.some((entry) => entry.search.mode === 'include' && entry.resource.id === patient.id));
while (page) {
  page.entry.filter((entry) => entry.search.mode === 'match').forEach((entry) => seen.add(entry.resource.id));
  page = page.link.some((link) => link.relation === 'next') ? await client.nextPage({ bundle: page }) : undefined;
}
assert.equal(seen.size, 5);
const posted = await client.search({
  resourceType: 'Observation',
  searchParams: { patient: patient.id },
  options: { postSearch: true },
});
assert.equal(posted.total, 5);
const compartment = await client.compartmentSearch({
  resourceType: 'Observation',
  compartment: { resourceType: 'Patient', id: patient.id },
});
assert.equal(compartment.total, 5);

const answer = await client.transaction({
  body: {
    resourceType: 'Bundle',
    type: 'transaction',
    entry: [
      {
        fullUrl: 'urn:uuid:b5b0a8a0-6ae8-4d3b-bd1e-1a3f3e3b3f10',
        resource: { resourceType: 'Patient', name: [{ family: 'Kit', given: ['Bea'] }] },
        request: { method: 'POST', url: 'Patient' },
      },
      { request: { method: 'DELETE', url: `Observation/${[...seen][0]}` } },
    ],
  },
});
assert.deepEqual(answer.entry.map((entry) => entry.response.status.slice(0, 3)), ['201', '204']);
const batch = await client.batch({
  body: {
    resourceType: 'Bundle',
    type: 'batch',
    entry: [
      { request: { method: 'GET', url: `Patient/${patient.id}` } },
      { request: { method: 'GET', url: 'Patient/none' } },
    ],
  },
});
assert.deepEqual(batch.entry.map((entry) => entry.response.status.slice(0, 3)), ['200', '404']);

await assert.rejects(
  client.create({ resourceType: 'Patient', body: { resourceType: 'Patient', birthDate: 'yesterday' } }),
  (error) => error.response.status === 400 && error.response.data.resourceType === 'OperationOutcome',
);
await client.delete({ resourceType: 'Patient', id: patient.id });
await assert.rejects(client.read({ resourceType: 'Patient', id: patient.id }), (error) => error.response.status === 410);
console.log('ok');
