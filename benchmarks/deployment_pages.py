"""The pages of Dagster's UI that people open, as the queries behind them, timed against its web server.

Each query asks for what the page shows; the UI's own also ask for what is folded away. JavaScript's time in a browser is not in
it.
"""

import statistics
import time

import httpx

LOCATION = {"repositoryName": "__repository__", "repositoryLocationName": "simulated"}
METADATA = (
    "metadataEntries { __typename label description ... on TextMetadataEntry { text } ... on UrlMetadataEntry { url } "
    "... on IntMetadataEntry { intValue } ... on FloatMetadataEntry { floatValue } ... on JsonMetadataEntry { jsonString } "
    "... on BoolMetadataEntry { boolValue } }"
)
RUN = "id status pipelineName creationTime startTime endTime canTerminate tags { key value } assetSelection { path }"
QUERIES = {
    "runs": (
        f"query($limit: Int!) {{ runsOrError(limit: $limit) {{ ... on Runs {{ results {{ {RUN} }} }} }} "
        "queued: runsOrError(filter: {statuses: [QUEUED]}) { ... on Runs { count } } "
        "going: runsOrError(filter: {statuses: [STARTING, STARTED]}) { ... on Runs { count } } "
        "feed: runsFeedCountOrError(view: RUNS) { ... on RunsFeedCount { count } } }",
        {"limit": 30},
    ),
    "one run": (
        f"query($run: ID!) {{ runOrError(runId: $run) {{ ... on Run {{ {RUN} stats {{ __typename }} }} }} "
        "logsForRun(runId: $run, limit: 1000) { ... on EventConnection { cursor hasMore events { __typename "
        "... on MessageEvent { message timestamp level stepKey } "
        f"... on MaterializationEvent {{ partition assetKey {{ path }} {METADATA} }} }} }} }} }}",
        {},
    ),
    "catalogue of assets": (
        "query { assetNodes { id assetKey { path } groupName kinds description isPartitioned jobNames } }",
        {},
    ),
    "lineage, with what is made": (
        "query($keys: [AssetKeyInput!]!) { assetNodes(assetKeys: $keys) { id assetKey { path } dependencyKeys { path } "
        "partitionStats { numMaterialized numFailed numPartitions numMaterializing } } "
        "assetsLatestInfo(assetKeys: $keys) { id latestMaterialization { timestamp runId } unstartedRunIds inProgressRunIds "
        "latestRun { id status } } }",
        {},
    ),
    "cameras and hours of an asset": (
        'query { assetNodeOrError(assetKey: {path: ["tracks"]}) { ... on AssetNode { '
        "partitionKeysByDimension { name partitionKeys } assetPartitionStatuses { __typename ... on MultiPartitionStatuses { "
        "primaryDimensionName ranges { primaryDimStartKey primaryDimEndKey secondaryDim { ... on DefaultPartitionStatuses { "
        "materializedPartitions } ... on TimePartitionStatuses { ranges { startKey endKey status } } } } } } } } }",
        {},
    ),
    "one partition": (
        'query($key: String!) { assetNodeOrError(assetKey: {path: ["tracks"]}) { ... on AssetNode { '
        f"assetMaterializations(partitions: [$key], limit: 10) {{ timestamp runId partition {METADATA} "
        f"runOrError {{ ... on Run {{ id status }} }} }} latestRunForPartition(partition: $key) {{ id status }} }} }} }}",
        {},
    ),
    "an asset's last 50 events": (
        'query { assetOrError(assetKey: {path: ["tracks"]}) { ... on Asset { '
        f"assetMaterializations(limit: 50) {{ timestamp runId partition {METADATA} }} }} }} }}",
        {},
    ),
    "sensors and their ticks": (
        "query($location: RepositorySelector!) { sensorsOrError(repositorySelector: $location) { ... on Sensors { results { name "
        "sensorState { status ticks(limit: 30) { id status timestamp runIds } } } } } }",
        {"location": LOCATION},
    ),
}


def timed(address: str, *, run_id: str, partition: str, assets: list[str], times: int) -> dict[str, dict[str, float]]:
    """page -> seconds of its first time, and the median and the 95th of 100 of the others, and kB of the answer.

    Raises AssertionError for a query that the server did not understand or that found nothing.
    """
    keys = [{"path": [asset]} for asset in assets]
    given = {"one run": {"run": run_id}, "one partition": {"key": partition}, "lineage, with what is made": {"keys": keys}}
    found = {}
    with httpx.Client(base_url=address, timeout=600) as client:
        for page, (query, variables) in QUERIES.items():
            found[page] = _timed(lambda: _asked(client, query, variables | given.get(page, {})), times)  # noqa: B023
        found["the application itself (HTML)"] = _timed(lambda: client.get("/").raise_for_status().content, times)
    return found


def _asked(client: httpx.Client, query: str, variables: dict) -> bytes:
    answer = client.post("/graphql", json={"query": query, "variables": variables}).raise_for_status()
    told = answer.json()
    assert "errors" not in told, told["errors"]
    assert all(value for value in told["data"].values()), told
    return answer.content


def _timed(ask, times: int) -> dict[str, float]:
    seconds, size = [], 0
    for _ in range(times + 1):
        begin = time.perf_counter()
        size = len(ask())
        seconds.append(time.perf_counter() - begin)
        if sum(seconds) > 120 and len(seconds) > 4:
            break
    later = sorted(seconds[1:])
    return {
        "first_s": round(seconds[0], 3),
        "p50_s": round(statistics.median(later), 3),
        "p95_s": round(later[min(len(later) - 1, int(0.95 * len(later)))], 3),
        "times": len(later),
        "kB": round(size / 1000, 1),
    }
