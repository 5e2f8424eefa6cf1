"""What HubSpot's official client does with the sandbox: reads, writes, batches, searches, and errors.

Usage: hubspot_client.py BASE_ADDRESS TOKEN
"""

import sys

from hubspot import HubSpot
from hubspot.crm import deals, objects, properties
from hubspot.crm.associations import v4 as associations

CHECKS = []


def check(function):
    """Registers one check; its name is the fact it states."""
    CHECKS.append(function)
    return function


def refused(call, error, status):
    """The status and body with which a call was refused."""
    try:
        call()
    except error as refusal:
        assert refusal.status == status, f"status {refusal.status}, not {status}"
        return refusal.body
    raise AssertionError("the call was not refused")


def new_deal(client, name="Peer deal", **more):
    wanted = deals.SimplePublicObjectInputForCreate(
        properties={"dealname": name, "pipeline": "default", "dealstage": "appointmentscheduled", **more},
        associations=[],
    )
    return client.crm.deals.basic_api.create(simple_public_object_input_for_create=wanted)


@check
def every_deal_is_read_page_by_page(client):
    assert len(client.crm.deals.get_all(properties=["dealname", "amount"])) == 250


@check
def a_page_says_where_the_next_begins(client):
    page = client.crm.deals.basic_api.get_page(limit=100)
    assert len(page.results) == 100 and page.paging.next.after
    following = client.crm.deals.basic_api.get_page(limit=100, after=page.paging.next.after)
    assert not {deal.id for deal in page.results} & {deal.id for deal in following.results}


@check
def a_deal_is_created_updated_read_with_history_and_deleted(client):
    api = client.crm.deals.basic_api
    made = new_deal(client, amount="1500.00")
    change = deals.SimplePublicObjectInput(properties={"dealstage": "contractsent"})
    assert api.update(made.id, simple_public_object_input=change).properties["dealstage"] == "contractsent"
    found = api.get_by_id(made.id, properties=["amount"], properties_with_history=["dealstage"])
    assert found.properties["amount"] == "1500.00"
    assert [past.value for past in found.properties_with_history["dealstage"]] == [
        "contractsent",
        "appointmentscheduled",
    ]
    api.archive(made.id)
    refused(lambda: api.get_by_id(made.id), deals.ApiException, 404)


@check
def a_search_filters_and_sorts(client):
    request = deals.PublicObjectSearchRequest(
        filter_groups=[{"filters": [{"propertyName": "amount", "operator": "GTE", "value": "50000"}]}],
        sorts=[{"propertyName": "hs_lastmodifieddate", "direction": "ASCENDING"}],
        properties=["amount", "hs_lastmodifieddate"],
        limit=20,
    )
    found = client.crm.deals.search_api.do_search(public_object_search_request=request)
    stamps = [deal.properties["hs_lastmodifieddate"] for deal in found.results]
    assert found.total > 0 and stamps == sorted(stamps)
    assert all(float(deal.properties["amount"]) >= 50000 for deal in found.results)


@check
def tasks_are_created_in_a_batch_with_their_deals(client):
    deal = new_deal(client).id
    link = {"to": {"id": deal}, "types": [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 216}]}
    inputs = [
        {"properties": {"hs_timestamp": "2026-12-01T09:00:00Z", "hs_task_subject": f"Task {n}"}, "associations": [link]}
        for n in range(3)
    ]
    made = client.crm.objects.batch_api.create("tasks", {"inputs": inputs})
    assert made.status == "COMPLETE" and len(made.results) == 3
    read = client.crm.objects.batch_api.read(
        "tasks", {"properties": ["hs_task_subject"], "propertiesWithHistory": [], "inputs": [{"id": made.results[0].id}]}
    )
    assert read.results[0].id == made.results[0].id
    linked = client.crm.associations.v4.batch_api.get_page("deals", "tasks", {"inputs": [{"id": deal}]})
    assert len(linked.results[0].to) == 3


@check
def a_batch_updates_deals(client):
    ids = [new_deal(client, f"Batch {n}").id for n in range(2)]
    inputs = [{"id": id, "properties": {"amount": "77"}} for id in ids]
    done = client.crm.deals.batch_api.update({"inputs": inputs})
    assert {deal.id for deal in done.results} == set(ids)
    assert all(deal.properties["amount"] == "77" for deal in done.results)


@check
def a_property_is_made_once_and_keeps_values_unique(client):
    wanted = properties.PropertyCreate(
        group_name="dealinformation", name="peer_key", label="Peer key", type="string", field_type="text",
        has_unique_value=True,
    )
    api = client.crm.properties.core_api
    assert api.create("deals", property_create=wanted).has_unique_value
    refused(lambda: api.create("deals", property_create=wanted), properties.ApiException, 409)
    new_deal(client, "First", peer_key="k1")
    refused(lambda: new_deal(client, "Second", peer_key="k1"), deals.ApiException, 400)
    one = {"idProperty": "peer_key", "id": "k1", "properties": {"amount": "9"}}
    upserted = client.crm.deals.batch_api.upsert({"inputs": [one]})
    assert upserted.results[0].properties["amount"] == "9" and not upserted.results[0].new


@check
def owners_and_pipelines_are_told(client):
    owners = client.crm.owners.owners_api.get_page(limit=5)
    assert owners.results and owners.results[0].email
    pipelines = client.crm.pipelines.pipelines_api.get_all("deals")
    assert any(stage.metadata["isClosed"] == "true" for stage in pipelines.results[0].stages)


@check
def an_unknown_property_is_refused_by_name(client):
    body = refused(lambda: new_deal(client, no_such_property="1"), deals.ApiException, 400)
    assert "PROPERTY_DOESNT_EXIST" in body


@check
def an_unknown_record_is_not_found(client):
    refused(lambda: client.crm.deals.basic_api.get_by_id("1"), deals.ApiException, 404)


@check
def a_wrong_token_is_refused(client):
    stranger = HubSpot(access_token="nobody", host=client.config["host"])
    refused(lambda: stranger.crm.deals.basic_api.get_page(), deals.ApiException, 401)


def main(address, token):
    client = HubSpot(access_token=token, host=address)
    failed = 0
    for function in CHECKS:
        try:
            function(client)
            print(f"ok      {function.__name__}")
        except Exception as error:  # A check that breaks in any way has failed; the others still run.
            failed += 1
            print(f"failed  {function.__name__}: {type(error).__name__}: {error}")
    print(f"{len(CHECKS) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
