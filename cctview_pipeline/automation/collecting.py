"""The job that collects live cameras for a window. Sealing and everything downstream follow by the sensors."""

import asyncio

import dagster as dg
from pydantic import Field

from cctview_pipeline.assets.accounts import required_spool
from cctview_pipeline.cameras.listed import LiveCamera
from cctview_pipeline.cameras.local_time import zone_of
from cctview_pipeline.campaign import Camera, Campaign
from cctview_pipeline.collect.settings import CollectSettings
from cctview_pipeline.paths import spool_directory
from cctview_pipeline.resources.lake import LakeResource
from cctview_pipeline.resources.needs import tags_of

LOG_EVERY_S = 60


class Window(dg.Config):
    """seconds: how long; cameras: ids of the campaign, all when empty; shard: this machine's part of them, such as 2/8."""

    seconds: float = 3600.0
    cameras: list[str] = Field(default_factory=list)
    shard: str = "1/1"


def collect_window(context: dg.OpExecutionContext, config: Window, lake: LakeResource) -> int:
    """Follow the campaign's cameras into the spool; returns the number of new frames. Terminating the run stops it cleanly."""
    # Not at the top: they are of no use to the code server.
    import uvloop

    from cctview_pipeline.cameras.spooled import SpoolNetwork
    from cctview_pipeline.collect.session import Sitting, cameras_of, choose, collect, crowded, summary
    from cctview_pipeline.collect.sharding import Shard
    from cctview_pipeline.policy import Policy
    from cctview_pipeline.redaction.masking import Masker
    from cctview_pipeline.spool.bucket import SpoolBucket
    from cctview_pipeline.spool.folder import SpoolFolder
    from cctview_pipeline.spool.upload import UploadTimes

    _, campaign = lake.open_campaign()
    settings, shard = CollectSettings.of(campaign), Shard.parse(config.shard)
    spool = required_spool(campaign)
    bucket = spool if isinstance(spool, SpoolBucket) else None
    folder = spool if isinstance(spool, SpoolFolder) else SpoolFolder(spool_directory(campaign.network))
    network = settings.network(campaign.network)
    wanted = config.cameras or [camera.id for camera in campaign.cameras]
    # The campaign's cameras are followed whatever today's list lacks.
    own = {camera.id: as_listed(camera) for camera in campaign.cameras}
    known = own | SpoolNetwork(network.name, folder).described()
    listed, notes = asyncio.run(cameras_of(network, settings.engine(), known))
    cameras, more = choose(listed, wanted, shard, known)
    for note in (*notes, *more, *crowded(network, cameras)):
        context.log.warning(note)
    context.log.info(f"{len(cameras)} cameras of {network.terms.operator} for {config.seconds:.0f} s. {network.terms.text}")
    policy = Policy.of(campaign)
    masker = Masker.of(policy, campaign)
    ticks = iter(range(1 << 62))

    def tick(engine) -> None:
        if next(ticks) % LOG_EVERY_S == 0:
            new, failed = (sum(getattr(each.tally, name) for each in engine.followed) for name in ("new", "failed"))
            context.log.info(f"{new} frames, {failed} failures")

    budget = int(settings.budget_gib * (1 << 30))
    sitting = Sitting(
        spool=folder.directory,
        budget=budget,
        shard=shard,
        bucket=bucket,
        times=UploadTimes(lifetime=policy.lifetime("spool")),
        seconds=config.seconds,
        metrics_port=settings.metrics_port,
    )
    engine = uvloop.run(collect(network, cameras, sitting, settings.engine(), masker, tick))
    new = sum(followed.tally.new for followed in engine.followed)
    for sentence in summary(engine):
        context.log.info(sentence)
    context.add_output_metadata({"frames": new, "cameras": len(cameras), "stored": engine.stored})
    return new


def as_listed(camera: Camera) -> LiveCamera:
    """A campaign's camera as its network's list has it."""
    return LiveCamera(
        id=camera.id,
        network_id=camera.network_id or camera.id,
        name=camera.name,
        latitude=camera.latitude,
        longitude=camera.longitude,
        online=True,
    )


def collect_job(campaign: Campaign) -> dg.JobDefinition:
    """The job of one op, which follows the cameras. Districts do not wait for one another: each has a pool of its own."""
    op = dg.op(pool=f"collector_{campaign.district}".rstrip("_"))(collect_window)

    @dg.job(description="Collect live cameras into the spool for a window.", tags=tags_of(campaign, "collect_job"))
    def collect_job() -> None:
        op()

    return collect_job


def live_collection(campaign: Campaign, job: dg.JobDefinition) -> dg.ScheduleDefinition:
    """The schedule ``daily_collection`` of a campaign of live cameras, and of the job that collects them."""
    settings = CollectSettings.read(campaign.settings, campaign.source)
    begin, seconds = settings.begin_and_seconds()
    return dg.ScheduleDefinition(
        name="daily_collection",
        job=job,
        cron_schedule=f"{begin.minute} {begin.hour} * * *",
        execution_timezone=zone_of(campaign).key,
        run_config=dg.RunConfig({"collect_window": Window(seconds=seconds)}),
        description=f"Every day {settings.window}, local time; sensors then seal the hours and start what is downstream.",
    )
