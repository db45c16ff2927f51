from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest
from fastapi.testclient import TestClient

from domain.rule import ProgramVersion
from services.api.access import ACCESS

Ask = Callable[..., Any]


@pytest.fixture(scope="module")
def document(client: TestClient) -> Any:
    return client.get("/openapi.json").json()


def _operations(document: Any) -> Iterator[tuple[str, str, Any]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def test_operations_keep_their_ids(document: Any) -> None:
    assert sorted(operation["operationId"] for *_, operation in _operations(document)) == [
        "gig",
        "join_program",
        "liability",
        "livez",
        "metrics",
        "platform_of",
        "platforms",
        "program_of",
        "programs",
        "publish_version",
        "readyz",
        "register_platform",
        "worker_balance_of",
        "worker_entries",
        "worker_sources",
    ]


def test_it_is_openapi_3_1_and_every_reference_leads_somewhere(document: Any) -> None:
    assert document["openapi"].startswith("3.1.")

    def references(node: Any) -> Iterator[str]:
        if isinstance(node, dict):
            yield from [node["$ref"]] if "$ref" in node else []
            node = list(node.values())
        for each in node if isinstance(node, list) else []:
            yield from references(each)

    for reference in set(references(document)):
        target = document
        for part in reference.removeprefix("#/").split("/"):
            target = target[part]
        assert target


def test_every_operation_says_what_it_does_who_may_and_how_it_refuses(document: Any) -> None:
    for method, path, operation in _operations(document):
        assert operation["summary"], path
        assert operation["description"].endswith(ACCESS[method, path].words()), path
        public = ACCESS[method, path].public
        assert operation["security"] == ([] if public else [{"bearer": []}]), path
        refusals = {status for status in operation["responses"] if status >= "400"}
        if not public:
            assert {"401", "403", "404", "422", "503"} <= refusals, path
            for status in refusals:
                assert list(operation["responses"][status]["content"]) == ["application/problem+json"], path
        else:
            assert "422" not in refusals, path


def test_reads_take_a_min_position(document: Any) -> None:
    for method, path, operation in _operations(document):
        names = [parameter["name"] for parameter in operation.get("parameters", [])]
        assert ("min_position" in names) == (method == "GET" and path.startswith("/v1")), path


def test_requests_and_money_have_examples(document: Any) -> None:
    schemas = document["components"]["schemas"]
    for name in ("NewPlatform", "NewMembership", "NewVersion", "Money"):
        assert schemas[name]["examples"], name
    assert "HTTPValidationError" not in schemas


def test_the_examples_in_the_document_are_accepted(document: Any, post: Ask) -> None:
    schemas = document["components"]["schemas"]
    post("/v1/platforms", schemas["NewPlatform"]["examples"][0], status=200)
    post("/v1/platforms/uber/memberships", schemas["NewMembership"]["examples"][0], status=200)
    post("/v1/programs/an-example/versions", schemas["NewVersion"]["examples"][0], status=201)


def test_the_document_describes_a_version_as_program_files_are_read(document: Any) -> None:
    schemas = document["components"]["schemas"]
    version = schemas["NewVersion"]
    assert version["properties"].keys() == {field.encode_name for field in msgspec.structs.fields(ProgramVersion)}
    assert "id" not in version["required"]
    assert version["additionalProperties"] is False
    body = document["paths"]["/v1/programs/{program_id}/versions"]["post"]["requestBody"]["content"]
    assert body == {"application/json": {"schema": {"$ref": "#/components/schemas/NewVersion"}}}
    kinds = schemas["Rule"]["properties"]["amount"]["anyOf"][0]["discriminator"]["mapping"]
    assert {"percent", "steps"} <= kinds.keys()
