// Talks to the sandbox through jsforce, which is told where to log in, by whom, and nothing else.

import assert from 'node:assert/strict';
import jsforce from 'jsforce';

import { fact, findOut, refused } from './facts.mjs';

const [loginUrl, username, password] = process.argv.slice(2);
const NEW = { Name: 'Peer', StageName: 'Prospecting', CloseDate: '2027-01-31', Amount: 1500.5 };

fact('who logged in is told', async (org) => {
  assert.equal(org.instanceUrl, loginUrl);
  assert.equal((await org.identity()).username, username);
});

fact('opportunities are read page by page', async (org) => {
  const ids = [];
  let page = await org.query('SELECT Id, Name, Owner.Name FROM Opportunity ORDER BY Id', { autoFetch: false });
  ids.push(...page.records.map((row) => row.Id));
  while (!page.done) {
    page = await org.queryMore(page.nextRecordsUrl);
    ids.push(...page.records.map((row) => row.Id));
  }
  assert.ok(ids.length > 200, `${ids.length} opportunities`);
  assert.equal(new Set(ids).size, ids.length);
});

fact('an opportunity is made, changed, read and deleted', async (org) => {
  const opportunities = org.sobject('Opportunity');
  const { id, success } = await opportunities.create(NEW);
  assert.ok(success);
  assert.ok((await opportunities.update({ Id: id, StageName: 'Closed Won' })).success);
  const read = await opportunities.retrieve(id);
  assert.deepEqual([read.StageName, read.IsWon, read.Amount], ['Closed Won', true, 1500.5]);
  assert.ok((await opportunities.destroy(id)).success);
  assert.equal((await refused(() => opportunities.retrieve(id))).errorCode, 'ENTITY_IS_DELETED');
});

fact('conditions are asked for', async (org) => {
  await org.sobject('Opportunity').create({ ...NEW, Name: "Peer O'Neil 51c7", Amount: 77 });
  const found = await org.sobject('Opportunity').find({ Name: { $like: "Peer O'Neil 51c7%" }, Amount: { $gte: 77 } }, ['Name', 'Amount']);
  assert.deepEqual(found.map((row) => [row.Name, row.Amount]), [["Peer O'Neil 51c7", 77]]);
});

fact('records are made, changed and deleted in collections', async (org) => {
  const records = [0, 1, 2].map((number) => ({ ...NEW, Name: `Peer ${number}` }));
  const made = await org.sobject('Opportunity').create(records, { allOrNone: false });
  assert.deepEqual(made.map((one) => one.success), [true, true, true]);
  const ids = made.map((one) => one.id);
  const changed = await org.sobject('Opportunity').update(ids.map((Id) => ({ Id, NextStep: 'Call' })));
  assert.deepEqual(changed.map((one) => one.success), [true, true, true]);
  const read = await org.sobject('Opportunity').retrieve(ids);
  assert.deepEqual(read.map((row) => row.NextStep), ['Call', 'Call', 'Call']);
  const gone = await org.sobject('Opportunity').destroy(ids);
  assert.deepEqual(gone.map((one) => one.success), [true, true, true]);
});

fact('one wrong record of a collection fails alone', async (org) => {
  const made = await org.sobject('Opportunity').create([NEW, { Name: 'No stage' }], { allOrNone: false });
  assert.deepEqual(made.map((one) => one.success), [true, false]);
  assert.equal(made[1].errors[0].statusCode ?? made[1].errors[0].errorCode, 'REQUIRED_FIELD_MISSING');
});

fact('a task hangs on its opportunity and is completed', async (org) => {
  const { id: deal } = await org.sobject('Opportunity').create(NEW);
  const { id } = await org.sobject('Task').create({ Subject: 'Call', WhatId: deal, ActivityDate: '2027-01-05' });
  await org.sobject('Task').update({ Id: id, Status: 'Completed' });
  const { records } = await org.query(`SELECT Id, IsClosed FROM Task WHERE WhatId = '${deal}'`);
  assert.deepEqual(records.map((row) => [row.Id, row.IsClosed]), [[id, true]]);
});

fact('fields and picklists are described', async (org) => {
  const { fields } = await org.sobject('Opportunity').describe();
  const stage = fields.find((field) => field.name === 'StageName');
  assert.ok(stage.picklistValues.some((value) => value.value === 'Prospecting'));
});

fact('what changed and what was deleted is told', async (org) => {
  const { id } = await org.sobject('Opportunity').create(NEW);
  await org.sobject('Opportunity').destroy(id);
  const { records } = await org.query(`SELECT Id FROM Opportunity WHERE Id = '${id}' AND IsDeleted = true`, { scanAll: true });
  assert.equal(records.length, 1);
});

fact('wrong writes and queries are refused by code', async (org) => {
  const missing = await refused(() => org.sobject('Opportunity').create({ Name: 'Peer' }));
  assert.equal(missing.errorCode, 'REQUIRED_FIELD_MISSING');
  const unknown = await refused(() => org.query('SELECT Nonsense FROM Opportunity'));
  assert.equal(unknown.errorCode, 'INVALID_FIELD');
});

fact('a wrong password is turned away', async () => {
  const stranger = new jsforce.Connection({ loginUrl });
  assert.match((await refused(() => stranger.login(username, 'wrong'))).message, /INVALID_LOGIN/);
});

const org = new jsforce.Connection({ loginUrl });
await org.login(username, password);
await findOut(org);
