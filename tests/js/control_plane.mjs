// The JavaScript SDK, unmodified: everything the control plane has, with its waiters.
import assert from "node:assert/strict";
import {
  HealthLakeClient, CreateFHIRDatastoreCommand, DeleteFHIRDatastoreCommand, DescribeFHIRDatastoreCommand,
  DescribeFHIRExportJobCommand, DescribeFHIRImportJobCommand, ListFHIRDatastoresCommand, ListFHIRExportJobsCommand,
  ListFHIRImportJobsCommand, ListTagsForResourceCommand, StartFHIRExportJobCommand, StartFHIRImportJobCommand,
  TagResourceCommand, UntagResourceCommand, waitUntilFHIRDatastoreActive, waitUntilFHIRDatastoreDeleted,
  waitUntilFHIRExportJobCompleted, waitUntilFHIRImportJobCompleted,
} from "@aws-sdk/client-healthlake";

const { ENDPOINT, ACCESS_KEY_ID, SECRET_ACCESS_KEY, BUCKET, ROLE, KMS_KEY } = process.env;
const client = new HealthLakeClient({
  endpoint: ENDPOINT, region: "us-east-1",
  credentials: { accessKeyId: ACCESS_KEY_ID, secretAccessKey: SECRET_ACCESS_KEY },
});
const send = (command) => client.send(command);
const waiter = { client, maxWaitTime: 120, minDelay: 1, maxDelay: 1 };
const named = async (name, command) => assert.rejects(send(command), (error) => {
  assert.equal(error.name, name);
  assert.ok(error.message.length > 0 && error.$metadata.requestId);
  return true;
});

const made = await send(new CreateFHIRDatastoreCommand({
  DatastoreTypeVersion: "R4", DatastoreName: "js", Tags: [{ Key: "team", Value: "a" }],
}));
assert.equal(made.DatastoreStatus, "CREATING");
const DatastoreId = made.DatastoreId;
await waitUntilFHIRDatastoreActive(waiter, { DatastoreId });
const shown = (await send(new DescribeFHIRDatastoreCommand({ DatastoreId }))).DatastoreProperties;
assert.equal(shown.DatastoreStatus, "ACTIVE");
assert.ok(shown.CreatedAt instanceof Date && Math.abs(Date.now() - shown.CreatedAt) < 600_000);
const listed = await send(new ListFHIRDatastoresCommand({ Filter: { DatastoreName: "js", CreatedBefore: new Date() } }));
assert.deepEqual(listed.DatastorePropertiesList.map((one) => one.DatastoreId), [DatastoreId]);

const ResourceARN = made.DatastoreArn;
await send(new TagResourceCommand({ ResourceARN, Tags: [{ Key: "stage", Value: "" }] }));
await send(new UntagResourceCommand({ ResourceARN, TagKeys: ["team"] }));
assert.deepEqual((await send(new ListTagsForResourceCommand({ ResourceARN }))).Tags, [{ Key: "stage", Value: "" }]);

const output = { S3Configuration: { S3Uri: `s3://${BUCKET}/out/`, KmsKeyId: KMS_KEY } };
const imported = await send(new StartFHIRImportJobCommand({
  DatastoreId, DataAccessRoleArn: ROLE, InputDataConfig: { S3Uri: `s3://${BUCKET}/in/` }, JobOutputDataConfig: output,
}));
await waitUntilFHIRImportJobCompleted(waiter, { DatastoreId, JobId: imported.JobId });
const job = (await send(new DescribeFHIRImportJobCommand({ DatastoreId, JobId: imported.JobId }))).ImportJobProperties;
assert.equal(job.JobStatus, "COMPLETED");
assert.ok(job.EndTime >= job.SubmitTime);
const exported = await send(new StartFHIRExportJobCommand({ DatastoreId, DataAccessRoleArn: ROLE, OutputDataConfig: output }));
await waitUntilFHIRExportJobCompleted(waiter, { DatastoreId, JobId: exported.JobId });
await send(new DescribeFHIRExportJobCommand({ DatastoreId, JobId: exported.JobId }));
assert.equal((await send(new ListFHIRImportJobsCommand({ DatastoreId }))).ImportJobPropertiesList.length, 1);
assert.equal((await send(new ListFHIRExportJobsCommand({ DatastoreId }))).ExportJobPropertiesList.length, 1);

await named("ResourceNotFoundException", new DescribeFHIRDatastoreCommand({ DatastoreId: "0".repeat(32) }));
await named("ValidationException", new CreateFHIRDatastoreCommand({ DatastoreTypeVersion: "R5" }));
await named("ValidationException", new ListFHIRDatastoresCommand({ MaxResults: 501 }));

assert.equal((await send(new DeleteFHIRDatastoreCommand({ DatastoreId }))).DatastoreStatus, "DELETING");
await waitUntilFHIRDatastoreDeleted(waiter, { DatastoreId });
console.log("ok");
