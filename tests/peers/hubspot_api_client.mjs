// Talks to the sandbox through HubSpot's official client for Node, of which only the base address is set.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import hubspot from '@hubspot/api-client';

import { fact, findOut, refused } from './facts.mjs';

const [basePath, accessToken, clientId, clientSecret] = process.argv.slice(2);
const TASK_TO_DEAL = [{ associationCategory: 'HUBSPOT_DEFINED', associationTypeId: 216 }];

const sleep = (millis) => new Promise((resolve) => setTimeout(resolve, millis));

async function newDeal(client, properties = {}) {
  const all = { dealname: 'Peer', pipeline: 'default', dealstage: 'qualifiedtobuy', ...properties };
  return (await client.crm.deals.basicApi.create({ properties: all, associations: [] })).id;
}

fact('deals are read page by page', async (client) => {
  const ids = [];
  let after;
  do {
    const page = await client.crm.deals.basicApi.getPage(100, after, ['dealname']);
    ids.push(...page.results.map((deal) => deal.id));
    after = page.paging?.next?.after;
  } while (after);
  assert.ok(ids.length > 200, `${ids.length} deals`);
  assert.equal(new Set(ids).size, ids.length);
});

fact('the client reads all pages by itself', async (client) => {
  const deals = await client.crm.deals.getAll(100);
  assert.ok(deals.length > 200, `${deals.length} deals`);
});

fact('a deal is made, changed, read and deleted', async (client) => {
  const api = client.crm.deals.basicApi;
  const deal = await newDeal(client, { amount: '1500.00' });
  const changed = await api.update(deal, { properties: { dealstage: 'contractsent' } });
  assert.equal(changed.properties.dealstage, 'contractsent');
  const read = await api.getById(deal, ['amount'], ['dealstage']);
  assert.equal(read.properties.amount, '1500.00');
  assert.deepEqual(read.propertiesWithHistory.dealstage.map((past) => past.value), ['contractsent', 'qualifiedtobuy']);
  await api.archive(deal);
  assert.equal((await refused(() => api.getById(deal))).code, 404);
  assert.equal((await api.getById(deal, undefined, undefined, undefined, true)).archived, true);
});

fact('a search is paged', async (client) => {
  for (let number = 0; number < 3; number += 1) {
    await newDeal(client, { dealname: `Peer 51c7 ${number}` });
  }
  const filters = [{ propertyName: 'dealname', operator: 'CONTAINS_TOKEN', value: '51c7' }];
  const ask = (after) =>
    client.crm.deals.searchApi.doSearch({
      filterGroups: [{ filters }], sorts: ['hs_object_id'], properties: ['dealname'], limit: 2, after,
    });
  let first;
  // The search index lags, as the real one does; here a minute passes in a second.
  for (let tries = 0; tries < 100 && first?.total !== 3; tries += 1) {
    await sleep(250);
    first = await ask(undefined);
  }
  assert.equal(first.total, 3);
  await sleep(250);
  const second = await ask(first.paging.next.after);
  const ids = [...first.results, ...second.results].map((deal) => deal.id);
  assert.equal(new Set(ids).size, 3);
});

fact('deals are put in place by a key of ours', async (client) => {
  await client.crm.properties.coreApi.create('deals', {
    name: 'node_key', label: 'Key', groupName: 'dealinformation', type: 'string', fieldType: 'text', hasUniqueValue: true,
  });
  const put = (amount) =>
    client.crm.deals.batchApi.upsert({
      inputs: [{
        id: 'k-1', idProperty: 'node_key',
        properties: { node_key: 'k-1', dealname: 'Keyed', pipeline: 'default', dealstage: 'contractsent', amount },
      }],
    });
  const [made, found] = [await put('1'), await put('2')];
  assert.equal(made.results[0]._new, true);
  assert.equal(found.results[0]._new, false);
  assert.equal(found.results[0].id, made.results[0].id);
});

fact('tasks are made, changed and deleted in batches', async (client) => {
  const deal = await newDeal(client);
  const api = client.crm.objects.tasks.batchApi;
  const task = (number) => ({
    properties: { hs_timestamp: '2026-12-01T09:00:00Z', hs_task_subject: `Call ${number}` },
    associations: [{ to: { id: deal }, types: TASK_TO_DEAL }],
  });
  const made = await api.create({ inputs: [0, 1, 2].map(task) });
  const ids = made.results.map((found) => ({ id: found.id }));
  assert.equal(ids.length, 3);
  await api.update({ inputs: ids.map(({ id }) => ({ id, properties: { hs_task_status: 'COMPLETED' } })) });
  const read = await api.read({ inputs: ids, properties: ['hs_task_status'], propertiesWithHistory: [] });
  assert.deepEqual(new Set(read.results.map((found) => found.properties.hs_task_status)), new Set(['COMPLETED']));
  await api.archive({ inputs: ids });
  const gone = await api.read({ inputs: ids, properties: [], propertiesWithHistory: [] });
  assert.equal(gone.results.length, 0);
});

fact('a part of a batch fails by name', async (client) => {
  const deal = await newDeal(client);
  const inputs = [{ id: deal }, { id: '1' }];
  const read = await client.crm.deals.batchApi.read({ inputs, properties: [], propertiesWithHistory: [] });
  assert.equal(read.results.length, 1);
  assert.deepEqual(read.errors[0].context.ids, ['1']);
});

fact('a wrong write is refused with what is wrong', async (client) => {
  const error = await refused(() => newDeal(client, { no_such_thing: 'x' }));
  assert.equal(error.code, 400);
  assert.equal(error.body.category, 'VALIDATION_ERROR');
  assert.match(error.body.message, /PROPERTY_DOESNT_EXIST/);
  assert.ok(error.body.correlationId);
});

fact('a wrong token is turned away', async () => {
  const stranger = new hubspot.Client({ basePath, accessToken: 'wrong', numberOfApiCallRetries: 0 });
  const error = await refused(() => stranger.crm.deals.basicApi.getPage());
  assert.equal(error.code, 401);
  assert.equal(error.body.category, 'INVALID_AUTHENTICATION');
});

fact('an app is allowed, and its access is renewed', async () => {
  const back = 'http://localhost:3000/back';
  const scopes = 'oauth crm.objects.deals.read';
  const login = new hubspot.Client({ basePath });
  const address = login.oauth.getAuthorizationUrl(clientId, back, scopes, undefined, 'state-1');
  const consent = await fetch(address.replace('https://app.hubspot.com', basePath), { redirect: 'manual' });
  const sent = new URL(consent.headers.get('location'));
  assert.equal(sent.searchParams.get('state'), 'state-1');
  const code = sent.searchParams.get('code');
  const tokens = await login.oauth.tokensApi.create('authorization_code', code, back, clientId, clientSecret);
  assert.equal(tokens.expiresIn, 1800);
  const allowed = new hubspot.Client({ basePath, accessToken: tokens.accessToken });
  assert.ok((await allowed.crm.deals.basicApi.getPage(1)).results.length);
  const renew = (token) =>
    login.oauth.tokensApi.create('refresh_token', undefined, undefined, clientId, clientSecret, token);
  assert.ok((await renew(tokens.refreshToken)).accessToken);
  assert.equal((await refused(() => renew('none'))).code, 400);
});

fact('a webhook is signed as the client expects', async (client) => {
  const deal = await newDeal(client);
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${server.address().port}/hooks?x=1`;
  const command = JSON.stringify({ target: url, secret: clientSecret });
  assert.equal((await fetch(`${basePath}/sandbox/webhooks`, { method: 'POST', body: command })).status, 200);
  const coming = once(server, 'request');
  await client.crm.deals.basicApi.update(deal, { properties: { amount: '42' } });
  const [request, response] = await coming;
  const chunks = await request.toArray();
  response.end();
  server.close();
  const requestBody = Buffer.concat(chunks).toString();
  const timestamp = Number(request.headers['x-hubspot-request-timestamp']);
  const expected = hubspot.Signature.getSignature('POST', 'v3', {
    clientSecret, requestBody, signatureVersion: 'v3', url, timestamp, signature: '',
  });
  assert.equal(request.headers['x-hubspot-signature-v3'], expected);
  const events = JSON.parse(requestBody);
  assert.ok(events.some((event) => String(event.objectId) === deal && event.propertyName === 'amount'), requestBody);
});

await findOut(new hubspot.Client({ basePath, accessToken, numberOfApiCallRetries: 3 }));
