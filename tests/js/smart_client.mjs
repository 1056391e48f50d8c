// fhirclient (SMART's), unmodified, against an open server: create, read, update, patch, search over all pages with
// references resolved, delete.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const smart = require('fhirclient');
const request = { url: '/', headers: { host: 'localhost' }, protocol: 'http', get: () => undefined };
const client = smart(request, {}, {}).client(process.env.BASE.replace(/\/$/, ''));

assert.equal(await client.getFhirVersion(), '4.0.1');
assert.equal(await client.getFhirRelease(), 4);
const patient = await client.create({ resourceType: 'Patient', name: [{ family: 'Smart', given: ['Ann'] }] });
const updated = await client.update({ ...patient, birthDate: '1990-05-01' });
assert.equal(updated.meta.versionId, '2');
const patched = await client.patch(`Patient/${patient.id}`, [
  { op: 'replace', path: '/birthDate', value: '1991-05-01' },
]);
assert.equal(patched.birthDate, '1991-05-01');
assert.deepEqual(await client.request(`Patient/${patient.id}`), patched);

for (let number = 0; number < 5; number += 1) {
  await client.create({
    resourceType: 'Observation',
    status: 'final',
    code: { text: String(number) },
    subject: { reference: `Patient/${patient.id}` },
  });
}
const found = await client.request(`Observation?patient=${patient.id}&_count=2`, {
  pageLimit: 0,
  flat: true,
  resolveReferences: ['subject'],
});
assert.equal(found.length, 5);
assert.ok(found.every((one) => one.subject.id === patient.id || one.subject.resourceType === 'Patient'));
await client.delete(`Patient/${patient.id}`);
await assert.rejects(client.request(`Patient/${patient.id}`), (error) => error.statusCode === 410 || error.status === 410);
console.log('ok');
