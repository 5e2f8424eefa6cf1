"""Talks to the sandbox through HubSpot's official client, of which only the base address is set.

What the client reads it also checks against HubSpot's specification, so a field of the wrong type or a missing one
fails here. Prints one line for each fact and closes with `N passed, M failed`.
"""

import json
import sys
import time

from hubspot import HubSpot
from hubspot.crm.associations.v4 import (
    BatchInputPublicFetchAssociationsBatchRequest,
    PublicFetchAssociationsBatchRequest,
)
from hubspot.crm.deals import (
    ApiException as DealsException,
    BatchInputSimplePublicObjectBatchInputUpsert,
    BatchInputSimplePublicObjectId,
    Filter,
    FilterGroup,
    PublicMergeInput,
    PublicObjectSearchRequest,
    SimplePublicObjectBatchInputUpsert,
    SimplePublicObjectId,
    SimplePublicObjectInput,
    SimplePublicObjectInputForCreate,
)
from hubspot.crm.objects import tasks
from hubspot.crm.properties import (
    ApiException as PropertiesException,
    BatchInputPropertyCreate,
    PropertyCreate,
    PropertyGroupCreate,
)

FACTS = []
TASK_TO_DEAL = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 216}]


def fact(function):
    """Registers a function as something to find out."""
    FACTS.append(function)
    return function


def refused(status, exception, call):
    """Asserts that a call is refused with a status and hands back the body of the answer."""
    try:
        call()
    except exception as error:
        assert error.status == status, f"{error.status} instead of {status}: {error.body}"
        return json.loads(error.body)
    raise AssertionError(f"not refused with {status}")


def new_deal(client, **properties):
    properties = {"dealname": "Peer", "pipeline": "default", "dealstage": "qualifiedtobuy", **properties}
    made = client.crm.deals.basic_api.create(SimplePublicObjectInputForCreate(properties=properties, associations=[]))
    return made.id


def new_task(deal, subject, **more):
    properties = {"hs_timestamp": "2026-12-01T09:00:00Z", "hs_task_subject": subject, **more}
    associations = [{"to": {"id": deal}, "types": TASK_TO_DEAL}]
    return tasks.SimplePublicObjectBatchInputForCreate(properties=properties, associations=associations)


@fact
def deals_are_read_page_by_page(client):
    deals, after = [], None
    while True:
        page = client.crm.deals.basic_api.get_page(limit=100, after=after, properties=["dealname", "amount"])
        deals.extend(deal.id for deal in page.results)
        if page.paging is None:
            break
        after = page.paging.next.after
    assert len(deals) > 200, len(deals)
    assert len(set(deals)) == len(deals)
    assert deals == sorted(deals, key=int)


@fact
def a_deal_is_made_changed_read_and_deleted(client):
    api = client.crm.deals.basic_api
    deal = new_deal(client, amount="1500.00")
    changed = api.update(deal, SimplePublicObjectInput(properties={"dealstage": "contractsent"}))
    assert changed.properties["dealstage"] == "contractsent"
    read = api.get_by_id(deal, properties=["amount", "no_such_thing"], properties_with_history=["dealstage"])
    assert read.properties["amount"] == "1500.00"
    assert "no_such_thing" not in read.properties
    stages = [version.value for version in read.properties_with_history["dealstage"]]
    assert stages == ["contractsent", "qualifiedtobuy"], stages
    api.archive(deal)
    api.archive(deal)
    assert refused(404, DealsException, lambda: api.get_by_id(deal))["category"] == "OBJECT_NOT_FOUND"
    assert api.get_by_id(deal, archived=True).archived


@fact
def deals_are_searched(client):
    deal = new_deal(client, dealname="Peer 7f3a", amount="77")
    condition = Filter(property_name="dealname", operator="CONTAINS_TOKEN", value="7f3a")
    request = PublicObjectSearchRequest(
        filter_groups=[FilterGroup(filters=[condition])],
        sorts=["hs_lastmodifieddate"],
        properties=["amount"],
        limit=10,
        after="0",
    )
    # The search index lags, as the real one does; here a minute passes in a second.
    for _ in range(200):
        try:
            found = client.crm.deals.search_api.do_search(request)
        except DealsException as busy:
            assert busy.status == 429, busy.status
            continue
        if found.total:
            break
    assert found.total == 1, found.total
    assert found.results[0].id == deal
    assert found.results[0].properties["amount"] == "77"


@fact
def a_search_is_paged(client):
    made = {new_deal(client, dealname=f"Peer 9b1e {number}") for number in range(3)}
    condition = Filter(property_name="dealname", operator="CONTAINS_TOKEN", value="9b1e")

    def ask(after):
        request = PublicObjectSearchRequest(
            filter_groups=[FilterGroup(filters=[condition])],
            sorts=["hs_object_id"],
            properties=["dealname"],
            limit=2,
            after=after,
        )
        return client.crm.deals.search_api.do_search(request)

    for _ in range(100):
        time.sleep(0.1)
        first = ask("0")
        if first.total == 3:
            break
    second = ask(first.paging.next.after)
    assert {deal.id for deal in first.results + second.results} == made


@fact
def deals_are_put_in_place_by_a_key_of_ours(client):
    key = PropertyCreate(
        name="peer_deal_key",
        label="Key",
        group_name="dealinformation",
        type="string",
        field_type="text",
        has_unique_value=True,
    )
    client.crm.properties.core_api.create("deals", key)

    def put(amount):
        properties = {"dealname": "Keyed", "pipeline": "default", "dealstage": "contractsent", "amount": amount}
        one = SimplePublicObjectBatchInputUpsert(id="k-1", id_property="peer_deal_key", properties=properties)
        batch = BatchInputSimplePublicObjectBatchInputUpsert(inputs=[one])
        return client.crm.deals.batch_api.upsert(batch).results[0]

    made, found = put("1"), put("2")
    assert made.new and not found.new
    assert made.id == found.id
    assert client.crm.deals.basic_api.get_by_id(made.id, properties=["amount"]).properties["amount"] == "2"


@fact
def deals_are_deleted_in_a_batch(client):
    ids = [SimplePublicObjectId(id=new_deal(client)) for _ in range(3)]
    client.crm.deals.batch_api.archive(BatchInputSimplePublicObjectId(inputs=ids))
    refused(404, DealsException, lambda: client.crm.deals.basic_api.get_by_id(ids[0].id))


@fact
def two_deals_are_merged(client):
    kept, gone = new_deal(client), new_deal(client)
    merge = PublicMergeInput(primary_object_id=kept, object_id_to_merge=gone)
    client.crm.deals.basic_api.merge(merge)
    assert client.crm.deals.basic_api.get_by_id(gone).id == kept


@fact
def tasks_are_made_in_a_batch_with_their_associations(client):
    deal = new_deal(client)
    inputs = [new_task(deal, f"Call {number}") for number in range(3)]
    api = client.crm.objects.tasks.batch_api
    made = api.create(tasks.BatchInputSimplePublicObjectBatchInputForCreate(inputs=inputs))
    assert len(made.results) == 3
    request = BatchInputPublicFetchAssociationsBatchRequest(inputs=[PublicFetchAssociationsBatchRequest(id=deal)])
    read = client.crm.associations.v4.batch_api.get_page("deals", "tasks", request)
    tied = {str(to.to_object_id) for to in read.results[0].to}
    assert tied == {task.id for task in made.results}
    assert read.results[0].to[0].association_types[0].type_id == 215


@fact
def a_task_is_tied_to_a_deal_by_default(client):
    first, second = new_deal(client), new_deal(client)
    inputs = [new_task(first, "Call")]
    made = client.crm.objects.tasks.batch_api.create(tasks.BatchInputSimplePublicObjectBatchInputForCreate(inputs=inputs))
    task = made.results[0].id
    client.crm.associations.v4.basic_api.create_default("tasks", task, "deals", second)
    read = client.crm.objects.tasks.basic_api.get_by_id(task, associations=["deals"])
    assert {end.id for end in read.associations["deals"].results} == {first, second}


@fact
def tasks_are_read_by_a_key_of_ours(client):
    key = PropertyCreate(
        name="peer_key", label="Key", group_name="task", type="string", field_type="text", has_unique_value=True
    )
    client.crm.properties.core_api.create("tasks", key)
    deal = new_deal(client)
    api = client.crm.objects.tasks.batch_api
    inputs = [new_task(deal, "Call", peer_key=f"k-{number}") for number in range(2)]
    made = api.create(tasks.BatchInputSimplePublicObjectBatchInputForCreate(inputs=inputs))
    ids = [tasks.SimplePublicObjectId(id=key) for key in ["k-0", "k-1", "k-2"]]
    request = tasks.BatchReadInputSimplePublicObjectId(
        id_property="peer_key", properties=["peer_key"], properties_with_history=[], inputs=ids
    )
    read = api.read(request)
    assert {task.id for task in read.results} == {task.id for task in made.results}
    assert read.num_errors == 1
    assert read.errors[0].context["ids"] == ["k-2"]
    taken = tasks.BatchInputSimplePublicObjectBatchInputForCreate(inputs=[new_task(deal, "Call", peer_key="k-1")])
    error = refused(400, tasks.ApiException, lambda: api.create(taken))
    assert error["errors"][0]["code"] == "CONFLICTING_UNIQUE_VALUE"


@fact
def tasks_are_completed_in_a_batch(client):
    api = client.crm.objects.tasks.batch_api
    inputs = [new_task(new_deal(client), "Call")]
    task = api.create(tasks.BatchInputSimplePublicObjectBatchInputForCreate(inputs=inputs)).results[0].id
    change = tasks.SimplePublicObjectBatchInput(id=task, properties={"hs_task_status": "COMPLETED"})
    api.update(tasks.BatchInputSimplePublicObjectBatchInput(inputs=[change]))
    read = client.crm.objects.tasks.basic_api.get_by_id(task, properties=["hs_task_is_completed"])
    assert read.properties["hs_task_is_completed"] == "1"


@fact
def properties_are_made_once(client):
    api = client.crm.properties
    api.groups_api.create("deals", PropertyGroupCreate(name="peer", label="Peer", display_order=-1))
    text = PropertyCreate(name="peer_text", label="Text", group_name="peer", type="string", field_type="textarea")
    assert api.core_api.create("deals", text).field_type == "textarea"
    error = refused(409, PropertiesException, lambda: api.core_api.create("deals", text))
    assert error["subCategory"] == "Properties.PROPERTY_WITH_NAME_EXISTS"
    more = PropertyCreate(name="peer_more", label="More", group_name="peer", type="number", field_type="number")
    assert api.batch_api.create("deals", BatchInputPropertyCreate(inputs=[more])).results[0].name == "peer_more"
    names = {found.name for found in api.core_api.get_all("deals").results}
    assert {"dealname", "peer_text", "peer_more"} <= names
    assert api.core_api.get_by_name("deals", "peer_text").label == "Text"


@fact
def owners_are_listed(client):
    page = client.crm.owners.owners_api.get_page(limit=5)
    assert len(page.results) == 5
    rest = client.crm.owners.owners_api.get_page(after=page.paging.next.after)
    owners = page.results + rest.results
    assert all(owner.id != str(owner.user_id) for owner in owners)
    assert client.crm.owners.owners_api.get_by_id(int(owners[0].id)).email == owners[0].email


@fact
def pipelines_come_with_their_stages(client):
    pipelines = client.crm.pipelines.pipelines_api.get_all("deals").results
    assert len(pipelines) == 2
    stages = {stage.id: stage for stage in pipelines[0].stages}
    assert stages["closedwon"].metadata == {"isClosed": "true", "probability": "1.0"}


@fact
def wrong_writes_are_refused_by_name(client):
    error = refused(400, DealsException, lambda: new_deal(client, no_such_thing="x"))
    inside = json.loads(error["message"].removeprefix("Property values were not valid: "))
    assert inside[0]["error"] == "PROPERTY_DOESNT_EXIST"
    assert inside[0]["name"] == "no_such_thing"
    assert error["correlationId"]


@fact
def a_wrong_token_is_turned_away(client):
    stranger = HubSpot(access_token="wrong", host=client.config["host"])
    error = refused(401, DealsException, lambda: stranger.crm.deals.basic_api.get_page())
    assert error["category"] == "INVALID_AUTHENTICATION"


def main(host, token):
    client = HubSpot(access_token=token, host=host)
    failed = 0
    for function in FACTS:
        try:
            function(client)
            print(f"ok      {function.__name__}")
        except Exception as error:  # Whatever goes wrong, the other facts are still to be found out.
            failed += 1
            print(f"FAILED  {function.__name__}: {type(error).__name__}: {error}")
    print(f"{len(FACTS) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
