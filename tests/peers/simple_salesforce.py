"""Talks to the sandbox through simple-salesforce, which is given an address and a token and nothing else.

Prints one line for each fact and closes with `N passed, M failed`.
"""

import sys

from simple_salesforce import Salesforce
from simple_salesforce.exceptions import (
    SalesforceError,
    SalesforceExpiredSession,
    SalesforceMalformedRequest,
    SalesforceResourceNotFound,
)

FACTS = []
NEW = {"Name": "Peer", "StageName": "Prospecting", "CloseDate": "2027-01-31", "Amount": 1500.5}


def fact(function):
    """Registers a function as something to find out."""
    FACTS.append(function)
    return function


def refused(exception, call):
    """Asserts that a call is refused in a way and hands back what was said."""
    try:
        call()
    except exception as error:
        return error.content
    raise AssertionError("it was not refused")


@fact
def opportunities_are_read_page_by_page(org):
    rows = list(org.query_all_iter("SELECT Id, Name, Amount, Owner.Name FROM Opportunity ORDER BY Id"))
    ids = [row["Id"] for row in rows]
    assert len(ids) > 200, len(ids)
    assert ids == sorted(ids) and len(set(ids)) == len(ids)
    assert all(row["Owner"]["Name"] for row in rows)


@fact
def an_opportunity_is_made_changed_read_and_deleted(org):
    made = org.Opportunity.create(NEW)
    assert made["success"]
    assert org.Opportunity.update(made["id"], {"StageName": "Closed Won"}) == 204
    read = org.Opportunity.get(made["id"])
    assert (read["StageName"], read["IsWon"], read["Amount"]) == ("Closed Won", True, 1500.5)
    assert org.Opportunity.delete(made["id"]) == 204
    refused(SalesforceResourceNotFound, lambda: org.Opportunity.get(made["id"]))
    gone = org.query_all(f"SELECT Id, IsDeleted FROM Opportunity WHERE Id = '{made['id']}'", include_deleted=True)
    assert gone["records"][0]["IsDeleted"]


@fact
def conditions_are_asked_for(org):
    org.Opportunity.create({**NEW, "Name": "Peer O'Neil 7f3a", "Amount": 77})
    found = org.query("SELECT Name, Amount FROM Opportunity WHERE Name LIKE 'Peer O\\'Neil%' AND Amount >= 77 LIMIT 5")
    assert [(row["Name"], row["Amount"]) for row in found["records"]] == [("Peer O'Neil 7f3a", 77.0)]
    assert found["done"] and found["totalSize"] == 1


@fact
def tasks_are_put_in_place_by_their_ids(org):
    deal = org.Opportunity.create(NEW)["id"]
    made = org.Task.create({"Subject": "Call", "WhatId": deal, "ActivityDate": "2027-01-05", "Status": "Not Started"})
    assert org.Task.upsert(f"Id/{made['id']}", {"Status": "Completed"}) in (200, 204)
    read = org.Task.get(made["id"])
    assert (read["IsClosed"], read["WhatId"]) == (True, deal)


@fact
def records_are_made_changed_and_deleted_in_a_collection(org):
    records = [{"attributes": {"type": "Opportunity"}, **NEW, "Name": f"Peer {number}"} for number in range(3)]
    made = org.restful("composite/sobjects", method="POST", json={"allOrNone": False, "records": records})
    assert all(one["success"] for one in made)
    ids = [one["id"] for one in made]
    changes = [{"attributes": {"type": "Opportunity"}, "id": one, "NextStep": "Call"} for one in ids]
    changed = org.restful("composite/sobjects", method="PATCH", json={"allOrNone": False, "records": changes})
    assert [one["success"] for one in changed] == [True] * 3
    gone = org.restful("composite/sobjects", params={"ids": ",".join(ids), "allOrNone": "false"}, method="DELETE")
    assert [one["success"] for one in gone] == [True] * 3


@fact
def fields_and_picklists_are_described(org):
    fields = {field["name"]: field for field in org.Opportunity.describe()["fields"]}
    assert fields["StageName"]["type"] == "picklist"
    assert "Prospecting" in {value["value"] for value in fields["StageName"]["picklistValues"]}
    assert {"Opportunity", "Task", "User"} <= {found["name"] for found in org.describe()["sobjects"]}


@fact
def wrong_writes_and_queries_are_refused_by_code(org):
    error = refused(SalesforceMalformedRequest, lambda: org.Opportunity.create({"Name": "Peer"}))
    assert error[0]["errorCode"] == "REQUIRED_FIELD_MISSING"
    assert set(error[0]["fields"]) == {"StageName", "CloseDate"}
    error = refused(SalesforceMalformedRequest, lambda: org.query("SELECT Nonsense FROM Opportunity"))
    assert error[0]["errorCode"] == "INVALID_FIELD"
    error = refused(SalesforceMalformedRequest, lambda: org.query("SELEKT"))
    assert error[0]["errorCode"] == "MALFORMED_QUERY"


@fact
def limits_are_told(org):
    org.query("SELECT Id FROM User LIMIT 1")
    usage = org.api_usage["api-usage"]
    assert 0 < usage.used < usage.total
    assert org.limits()["DailyApiRequests"]["Max"] == usage.total


@fact
def a_wrong_session_is_turned_away(org):
    stranger = Salesforce(instance_url=f"https://{org.sf_instance}", session_id="wrong")
    error = refused(SalesforceExpiredSession, lambda: stranger.query("SELECT Id FROM Opportunity"))
    assert error[0]["errorCode"] == "INVALID_SESSION_ID"


def main(address, token):
    org = Salesforce(instance_url=address, session_id=token)
    failed = 0
    for function in FACTS:
        try:
            function(org)
            print(f"ok      {function.__name__}")
        except Exception as error:  # Whatever goes wrong, the other facts are still to be found out.
            failed += 1
            told = error.content if isinstance(error, SalesforceError) else error
            print(f"FAILED  {function.__name__}: {type(error).__name__}: {told}")
    print(f"{len(FACTS) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
