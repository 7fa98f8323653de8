"""How drivers drive: car following, lane changing and ramps of one carriageway, compiled with numba.

Car following is the Intelligent Driver Model (Treiber, Hennecke and Helbing, "Congested traffic states in empirical
observations and microscopic simulations", Phys. Rev. E 62, 2000); lane changing is MOBIL (Kesting, Treiber and Helbing,
"General lane-changing model MOBIL for car-following models", Transp. Res. Rec. 1999, 2007).

Places here are ``x``, metres along the driving direction from the carriageway's begin to a vehicle's middle, and ``y``,
in lanes to the driver's right of lane 0. Only + - * / and square roots are used, which every CPU rounds alike.
"""

import math

import numpy as np
from numba import njit

from cctview_pipeline.city.corridor import MAX_LANES

TICK_S = 0.25
"""Step of the simulation."""

STANDSTILL_M, MIN_GAP_M, CHANGE_GAP_M = 2.0, 1.1, 1.0
"""IDM's gap at standstill; the gap at which a vehicle is held whatever its driver does; the least one for a lane change,
smaller so that a standing queue does not lock itself."""

HARDEST, COMFORT = 8.0, 2.0
"""Decelerations, m/s²: what the tyres give; what suffices to obey a lower speed limit."""

POLITENESS, THRESHOLD, SAFE = 0.25, 0.25, 2.5
"""MOBIL: weight of the others' accelerations; least advantage of a change, and most braking it may cost others, m/s²."""

CHANGE_S, CHANGE_M, REST_S = 3.2, 26.0, 4.0
"""A lane change takes so long, or in crawling traffic this distance; then the driver stays for a while."""

THROUGH_M, MERGE_M, STOP_M = 600.0, 500.0, 30.0
"""Nobody chooses a lane that ends within the first; from the second on one leaves it; the third is kept to merge from rest."""

EXIT_M, EXIT_SPEED, ENTRY_SPEED = 60.0, 15.0, 13.0
"""Length over which a vehicle leaves the road; speeds at ramps, m/s."""

CRAWL_SPEED, CRAWL_M, SLOT_S, SHUT_PERCENT = 4.0, 40.0, 8, 49
"""Jam: speed past the bottleneck and its length; each lane is shut or open for a slot of time, and so often shut: about
1,250 vehicles an hour get through three lanes."""

CAR = np.dtype(
    [(name, "f8") for name in ("arrival", "exit", "length", "desired", "headway", "accel", "brake", "taste")]
    + [(name, "f8") for name in ("x", "y", "slope", "speed", "acceleration", "progress", "rest")]
    + [(name, "i8") for name in ("lane", "origin", "leader", "second", "leaving", "target")],
    align=True,
)
"""One vehicle: when it arrives (s), where it leaves (x, infinite for the road's end), its driver, and how it moves.

taste: 0..1, from the left to the right lane; origin: the lane it comes from while it changes; slope: dy/dx;
leader, second: whom it follows in its lane and in its origin, -1 for nobody; target: the lane it must reach, or -1."""

ROW = np.dtype([("step", "i4"), ("car", "i4"), ("x", "f8"), ("y", "f8"), ("slope", "f8"), ("speed", "f8"), ("braking", "?")])


@njit(cache=True)
def lane_end(begins, ends, x, lane):
    """Where this lane ends for who is at x; not beyond x where there is no such lane."""
    piece = 0
    while piece + 1 < len(begins) and x >= begins[piece + 1]:
        piece += 1
    return ends[piece, lane] if lane < MAX_LANES else -math.inf


@njit(cache=True)
def idm(car, wish, gap, ahead):
    """Acceleration (m/s²) of a car that wants to drive at ``wish`` behind something at the speed ``ahead``."""
    ratio = (car.speed / wish) * (car.speed / wish)
    free = max(car.accel * (1.0 - ratio * ratio), -COMFORT)
    desired = car.speed * car.headway + car.speed * (car.speed - ahead) / (2.0 * math.sqrt(car.accel * car.brake))
    closeness = (STANDSTILL_M + max(0.0, desired)) / max(gap, 0.1)
    return max(free - car.accel * closeness * closeness, -HARDEST)


@njit(cache=True)
def gap_between(cars, behind, ahead):
    """Bumper to bumper, m; infinite where one of them is nobody (-1)."""
    if behind < 0 or ahead < 0:
        return math.inf
    return cars[ahead].x - cars[behind].x - 0.5 * (cars[ahead].length + cars[behind].length)


@njit(cache=True)
def follow(cars, number, leader):
    """Acceleration of a driver behind this leader (-1: nobody) on an otherwise free road."""
    if number < 0:
        return 0.0
    ahead = cars[leader].speed if leader >= 0 else 0.0
    return idm(cars[number], cars[number].desired, gap_between(cars, number, leader), ahead)


@njit(cache=True)
def occupies(car, lane):
    """Whether a car is on a lane, or still half on it while it changes to another."""
    return car.lane == lane or car.origin == lane


@njit(cache=True)
def neighbour(cars, order, active, rank, lane, way):
    """The next vehicle in a lane ahead (way -1) or behind (+1) of the one at this rank of the order; -1 for nobody near."""
    x = cars[order[rank]].x
    rank += way
    while 0 <= rank < active and abs(cars[order[rank]].x - x) < 300.0:
        if occupies(cars[order[rank]], lane):
            return order[rank]
        rank += way
    return -1


@njit(cache=True)
def must_change(car, begins, ends, last_lane):
    """(way, urgency): +1 right or -1 left, 0..1; way 0 with urgency 1: stay. last_lane: the outermost one at its exit."""
    to_exit = car.exit - car.x
    missing = last_lane - car.lane
    reach = 400.0 + 350.0 * missing
    if to_exit < reach:
        return (1, 1.0 - to_exit / reach) if missing > 0 and to_exit > max(CHANGE_S * car.speed, CHANGE_M) else (0, 1.0)
    end = lane_end(begins, ends, car.x, car.lane)
    if end - car.x < MERGE_M and car.exit > end:
        return -1, min(1.0, 1.0 - (end - car.x) / MERGE_M)
    return 0, 0.0


@njit(cache=True)
def advantage(cars, order, active, rank, lane, safe):
    """MOBIL's incentive to change to this lane, m/s²; minus infinity where the change is not safe."""
    number = order[rank]
    car = cars[number]
    leader, follower = neighbour(cars, order, active, rank, lane, -1), neighbour(cars, order, active, rank, lane, 1)
    if min(gap_between(cars, number, leader), gap_between(cars, follower, number)) < CHANGE_GAP_M:
        return -math.inf
    mine, theirs = follow(cars, number, leader), follow(cars, follower, number)
    if (mine < -safe and car.speed > 1.0) or (theirs < -safe and cars[follower].speed > 1.0):
        return -math.inf
    old_leader = neighbour(cars, order, active, rank, car.lane, -1)
    old_follower = neighbour(cars, order, active, rank, car.lane, 1)
    others = theirs - follow(cars, follower, leader)
    others += follow(cars, old_follower, old_leader) - follow(cars, old_follower, number)
    return mine - follow(cars, number, old_leader) + POLITENESS * others


@njit(cache=True)
def consider_change(cars, order, active, rank, begins, ends, last_lane):
    """Let one driver begin a lane change, if there is a reason and room."""
    car = cars[order[rank]]
    way, urgency = must_change(car, begins, ends, last_lane)
    car.target = car.lane + way if way != 0 and (urgency > 0.3 or car.speed < 8.0) else -1
    if (way == 0 and (urgency > 0.0 or car.speed < CRAWL_SPEED)) or (urgency < 0.5 and car.rest > 0.0):
        return
    best, chosen = THRESHOLD - (1.0 + 8.0 * urgency if way != 0 else 0.0), -1
    for side in (-1, 1):
        lane = car.lane + side
        if lane < 0 or (way != 0 and side != way):
            continue
        room = lane_end(begins, ends, car.x, lane) - car.x
        if room <= 0.0 or (way == 0 and room < THROUGH_M):
            continue
        gain = advantage(cars, order, active, rank, lane, SAFE + 1.5 * urgency)
        gain += 0.15 if side * (car.taste - (car.lane + 0.5) / MAX_LANES) > 0.15 else -0.15
        if gain > best:
            best, chosen = gain, lane
    if chosen >= 0:
        car.origin, car.lane, car.progress, car.target = car.lane, chosen, 0.0, -1


@njit(cache=True)
def shut(second, lane):
    """Whether the jam's bottleneck holds this lane up now: irregular slots of time, from a hash of slot and lane."""
    key = np.uint64((second + 5 * lane) // SLOT_S * 8 + lane + 1) * np.uint64(0x9E3779B97F4A7C15)
    key = (key ^ (key >> np.uint64(31))) * np.uint64(0xBF58476D1CE4E5B9)
    return (key >> np.uint64(40)) % np.uint64(100) < np.uint64(SHUT_PERCENT)


@njit(cache=True)
def wish_speed(car, jam_x):
    """Desired speed of a driver who also sees the exit or the bottleneck (infinite for none) coming."""
    wish = car.desired
    to_exit = 0.0 if car.leaving else max(car.exit - car.x, 0.0)
    if to_exit < 200.0:
        wish = min(wish, math.sqrt(EXIT_SPEED * EXIT_SPEED + 2.0 * to_exit))
    to_jam = jam_x - car.x
    if -CRAWL_M < to_jam < 300.0:
        wish = min(wish, math.sqrt(CRAWL_SPEED * CRAWL_SPEED + 3.0 * max(to_jam, 0.0)))
    return wish


@njit(cache=True)
def obstacle(car, begins, ends, jam_x, second):
    """x of the next standing obstacle: the end of the car's lane, or the bottleneck while it is shut."""
    nearest = math.inf
    if not car.leaving:
        end = lane_end(begins, ends, car.x, car.lane)
        if car.exit > end:
            nearest = end - STOP_M
    gap = jam_x - car.x - 0.5 * car.length
    stoppable = gap > 0.0 and car.speed * car.speed < 6.0 * gap
    if stoppable and (shut(second, car.lane) or (car.origin >= 0 and shut(second, car.origin))):
        nearest = min(nearest, jam_x)
    return nearest


@njit(cache=True)
def accelerate(cars, order, active, begins, ends, jam_x, second):
    """Every driver's acceleration from everybody's present state; one sweep from the front to the back.

    Who must change lanes is let in by the next driver in the target lane who is not beside it, braking no harder than COMFORT.
    """
    last, merging = np.full(MAX_LANES + 1, -1), np.full(MAX_LANES + 1, -1)
    for rank in range(active):
        number = order[rank]
        car = cars[number]
        wish = wish_speed(car, jam_x)
        gap = obstacle(car, begins, ends, jam_x, second) - car.x - 0.5 * car.length
        acceleration = idm(car, wish, gap, 0.0)
        car.leader, car.second = last[car.lane], (last[car.origin] if car.origin >= 0 else -1)
        for leader in (car.leader, car.second):
            if leader >= 0:
                acceleration = min(acceleration, idm(car, wish, gap_between(cars, number, leader), cars[leader].speed))
        guest = merging[car.lane]
        gap = gap_between(cars, number, guest)
        if guest >= 0 and gap > CHANGE_GAP_M:
            acceleration = min(acceleration, max(idm(car, wish, gap, cars[guest].speed), -COMFORT))
            merging[car.lane] = -1
        if car.target >= 0:
            merging[car.target] = number
        car.acceleration = acceleration
        last[car.lane] = number
        if car.origin >= 0:
            last[car.origin] = number


@njit(cache=True)
def move(cars, order, active):
    """Advance everybody by one tick, front to back, so that no one passes the leader's rear whatever the drivers do."""
    for rank in range(active):
        number = order[rank]
        car = cars[number]
        speed = max(0.0, car.speed + car.acceleration * TICK_S)
        way = 0.5 * (car.speed + speed) * TICK_S
        if speed == 0.0 and car.speed > 0.0:
            way = min(way, 0.5 * car.speed * car.speed / -car.acceleration)
        for leader in (car.leader, car.second):
            room = max(0.0, gap_between(cars, number, leader) - MIN_GAP_M)
            if way > room:
                way, speed = room, min(speed, cars[leader].speed)
        car.x += way
        car.speed = speed
        car.rest -= TICK_S
        if car.origin >= 0:
            steer(car, way)
        else:
            car.y, car.slope = float(car.lane), 0.0


@njit(cache=True)
def steer(car, way):
    """Carry on a lane change, or the way off the road, along a quintic without jerks at its ends."""
    rate = 1.0 / EXIT_M if car.leaving else min(1.0 / CHANGE_M, 1.0 / (CHANGE_S * max(car.speed, 0.1)))
    p = min(1.0, car.progress + rate * way)
    side = car.lane - car.origin
    car.progress = p
    car.y = car.origin + side * p * p * p * (10.0 - 15.0 * p + 6.0 * p * p)
    car.slope = side * 30.0 * p * p * (1.0 - p) * (1.0 - p) * rate
    if p == 1.0 and not car.leaving:
        car.origin, car.rest, car.slope = -1, REST_S, 0.0


@njit(cache=True)
def take_exits(cars, order, active, last_lanes, length_x):
    """Send those at their exit off the road if they are in its lane, and take the gone from the order; how many stay."""
    stay = 0
    for rank in range(active):
        number = order[rank]
        car = cars[number]
        if not car.leaving and car.x >= car.exit:
            if car.lane == last_lanes[number] and car.origin < 0:
                car.leaving, car.origin, car.lane, car.progress = 1, car.lane, car.lane + 1, 0.0
            if car.leaving or car.lane != last_lanes[number]:
                car.exit, car.target = math.inf, -1
        if car.x < length_x and not (car.leaving and car.progress == 1.0):
            order[stay] = number
            stay += 1
    return stay


@njit(cache=True)
def sort(cars, order, active):
    """From the front to the back; nearly sorted before."""
    for rank in range(1, active):
        number = order[rank]
        place = rank
        while place > 0 and cars[order[place - 1]].x < cars[number].x:
            order[place] = order[place - 1]
            place -= 1
        order[place] = number


@njit(cache=True)
def enter(cars, order, active, number, x, lane, speed):
    """Put a vehicle that arrives on a lane at x, if there is a gap for it."""
    leader, follower = -1, -1
    for rank in range(active):
        if occupies(cars[order[rank]], lane):
            if cars[order[rank]].x < x:
                follower = order[rank]
                break
            leader = order[rank]
    car = cars[number]
    car.x, car.speed, car.lane, car.y, car.rest = x, speed, lane, float(lane), REST_S
    if leader >= 0 and gap_between(cars, number, leader) < 60.0:
        car.speed = min(speed, cars[leader].speed + 1.0)
    room = gap_between(cars, number, leader) > STANDSTILL_M and gap_between(cars, follower, number) > STANDSTILL_M
    if not room or follow(cars, number, leader) < -1.0 or follow(cars, follower, number) < -COMFORT:
        return False
    order[active] = number
    return True


@njit(cache=True)
def let_in(cars, order, active, queues, heads, entries, begins, ends, now):
    """Let the first of each queue, at the carriageway's begin (0) and at each entry ramp, onto the road; the new count."""
    for gate in range(len(entries)):
        number = queues[gate, heads[gate]]
        if number < 0 or cars[number].arrival > now:
            continue
        lanes = 0
        while lane_end(begins, ends, entries[gate], lanes) > entries[gate]:
            lanes += 1
        entered = False
        if gate > 0:
            entered = enter(cars, order, active, number, entries[gate], lanes - 1, min(ENTRY_SPEED, cars[number].desired))
        else:
            favourite = min(int(cars[number].taste * lanes), lanes - 1)
            for turn in range(lanes):
                if not entered:
                    entered = enter(cars, order, active, number, 0.0, (favourite + turn) % lanes, cars[number].desired)
        if entered:
            heads[gate] += 1
            active += 1
            sort(cars, order, active)
    return active


@njit(cache=True)
def record(cars, order, active, step, rows, count):
    """Append everybody's present state to the rows; the rows (moved where they were full) and their count."""
    if count + active > len(rows):
        larger = np.empty(2 * len(rows) + active, ROW)
        for row in range(count):
            larger[row] = rows[row]
        rows = larger
    for rank in range(active):
        car, row = cars[order[rank]], rows[count + rank]
        row.step, row.car, row.x, row.y, row.slope = step, order[rank], car.x, car.y, car.slope
        row.speed, row.braking = car.speed, car.acceleration < -0.7 or car.speed < 0.2
    return rows, count + active


@njit(cache=True, nogil=True)
def drive(cars, last_lanes, queues, entries, begins, ends, length_x, jam_x, first, last, stride):
    """Drive one carriageway of one traffic day from its begin.

    cars: (N,) CAR in order of arrival; last_lanes: (N,) the lane of each one's exit; queues: (G, M) numbers of who
    arrives at each gate, ended by -1; entries: (G,) x of the gates, 0 first; begins, ends: (P,), (P, MAX_LANES) from
    where on which lane lasts until where; jam_x: the bottleneck, infinite for none; first, last: recorded steps of
    ``stride`` ticks, both included. Returns ROWs by step.
    """
    order, active = np.empty(len(cars), np.int64), 0
    heads = np.zeros(len(entries), np.int64)
    rows, count = np.empty(1024, ROW), 0
    for tick in range(last * stride + 1):
        if tick % stride == 0 and tick >= first * stride:
            rows, count = record(cars, order, active, tick // stride, rows, count)
        now = tick * TICK_S
        second = int(now)
        jammed_x = jam_x if 300 <= second % 3600 < 1500 else math.inf
        active = let_in(cars, order, active, queues, heads, entries, begins, ends, now)
        for rank in range(active):
            number = order[rank]
            if (tick + number) % 4 == 0 and cars[number].origin < 0 and not cars[number].leaving:
                consider_change(cars, order, active, rank, begins, ends, last_lanes[number])
        accelerate(cars, order, active, begins, ends, jammed_x, second)
        move(cars, order, active)
        active = take_exits(cars, order, active, last_lanes, length_x)
        sort(cars, order, active)
    return rows[:count]
