"""How drivers drive through the streets, compiled with numba: car following, lights, turns, kerbs and stops.

Car following is the Intelligent Driver Model, as on the expressway (``city/driving.py``). A place is a piece of the plan and
``x``, metres along it to a vehicle's middle. Only + - * / and square roots are used, which every CPU rounds alike.
"""

import math

import numpy as np
from numba import njit

from cctview_pipeline.city.driving import MIN_GAP_M, STANDSTILL_M, TICK_S, idm
from cctview_pipeline.city.streets.signals import light_at

MOST = 64
"""Vehicles on one piece: more have no room there."""
SIGHT_M = 90.0
FIRM, GENTLE = 4.0, 1.6
"""Decelerations, m/s²: what a driver takes upon himself to stop at a line; how one slows down for a turn or a stop."""
WALKED_M = 5.2
"""From a crossing's exits back to where who turns waits for people who cross."""
SHIFT_M = 12.0, 22.0
"""Length over which a car, and a bus, moves aside to the kerb."""
STOOD = 1.0
"""m/s: slower than this somebody stands, who drove faster than twice this before."""

CAR = np.dtype(
    [(name, "f8") for name in ("arrival", "length", "desired", "headway", "accel", "brake")]
    + [(name, "f8") for name in ("x", "speed", "acceleration", "aside", "slope", "until", "left_x", "stood_s", "queue_m", "gap")]
    + [(name, "i8") for name in ("leg", "first_leg", "last_leg", "stop", "last_stop", "parked", "stands", "stops", "heavy")],
    align=True,
)
"""One vehicle: its driver, and how it moves. leg, first_leg, last_leg: its ways' places among all; stop, last_stop: likewise
its stops; aside: 0 in the lane to 1 at the kerb, and slope: its change a metre; until: when it leaves the kerb, s; left_x:
where it began to; gap: to who drives ahead, m, when the tick began;
stood_s, queue_m, stops: since the last crossing: time stood, its rear's farthest distance from the stop line while it stood, and
how often it stood."""

ROW = np.dtype(
    [
        ("step", "i4"),
        ("car", "i4"),
        ("piece", "i4"),
        ("x", "f8"),
        ("aside", "f8"),
        ("slope", "f8"),
        ("speed", "f8"),
        ("braking", "?"),
    ]
)
PASSED = np.dtype([("car", "i4"), ("piece", "i4"), ("time", "f8"), ("stood_s", "f8"), ("stops", "i4"), ("queue_m", "f8")])
"""One vehicle's way over a crossing: when its front crossed the stop line."""

ROADS = np.dtype(
    [
        ("length", "f8"),
        ("common", "f8"),
        ("slow", "f8"),
        ("crossing", "i8"),
        ("phase", "i8"),
        ("exit", "i8"),
        ("turn", "i8"),
        ("bike", "i8"),
    ],
    align=True,
)
"""One piece as it is driven: exit: arm that it leads into; turn: 0 left, 1 through, 2 right; bike: which of the two lanes for
bicycles it crosses, or -1."""


@njit(cache=True)
def nearest_ahead(cars, number, piece, behind_x, members, counts, siblings, roads):
    """The nearest vehicle on a piece beyond x of it, where it is one lane with its siblings on those too; -1 for nobody."""
    best, found = math.inf, -1
    for place in range(siblings.shape[1]):
        other = piece if place == 0 else siblings[piece, place]
        if other < 0:
            break
        for k in range(counts[other] - 1, -1, -1):
            there = members[other, k]
            if there == number:
                continue
            rear = cars[there].x - 0.5 * cars[there].length
            if other != piece and rear > min(roads[other].common, roads[piece].common):
                break
            ahead = cars[there].x > behind_x or (cars[there].x == behind_x and there < number)
            if ahead:
                if cars[there].x < best:
                    best, found = cars[there].x, there
                break
    return found, best


@njit(cache=True)
def leader(cars, number, legs, members, counts, siblings, roads):
    """Who drives next ahead on this vehicle's way: its number or -1, and the gap, bumper to bumper, m."""
    car = cars[number]
    offset = -car.x
    for leg in range(car.leg, car.last_leg + 1):
        piece = legs[leg]
        start = car.x if leg == car.leg else -1e9
        there, x = nearest_ahead(cars, number, piece, start, members, counts, siblings, roads)
        if there >= 0:
            return there, offset + x - 0.5 * (car.length + cars[there].length)
        offset += roads[piece].length
        if offset > SIGHT_M:
            break
    return -1, math.inf


@njit(cache=True)
def can_stop(car, room):
    """Whether a driver can still stop within so much room, m."""
    return room > 0.0 and car.speed * car.speed <= 2.0 * FIRM * room


@njit(cache=True)
def has_room(cars, number, legs, members, counts, roads, bound):
    """Whether a crossing's exit has room for one more, behind those who are on their way there."""
    car = cars[number]
    exit = legs[car.leg + 2]
    if counts[exit] == 0:
        return True
    last = members[exit, counts[exit] - 1]
    room = cars[last].x - 0.5 * cars[last].length - bound[exit]
    return room > car.length + STANDSTILL_M + 0.5 or cars[last].speed > 6.0


@njit(cache=True)
def closed(cars, number, room, now, tick, legs, members, counts, roads, inside, bound, greens, begins, timing, held, bikes):
    """Whether the crossing ahead is closed to this vehicle, whose front is so far from the stop line, m."""
    car = cars[number]
    way = roads[legs[car.leg + 1]]
    light = light_at(begins, greens, timing[0], timing[1], way.crossing, way.phase, now)
    if light == 2 and held[way.crossing, tick] and way.phase == 1 and way.exit == 2:
        light = 0
    if light == 0 or (light == 1 and can_stop(car, room)):
        return True
    for phase in range(inside.shape[1]):
        if phase != way.phase and inside[way.crossing, phase] > 0:
            return True
    if way.bike >= 0 and bikes[way.crossing, way.bike, tick]:
        return True
    return not has_room(cars, number, legs, members, counts, roads, bound)


@njit(cache=True)
def wish_speed(car, legs, roads):
    """Desired speed of who sees a turn or a stop at the kerb coming."""
    wish, piece = car.desired, legs[car.leg]
    rest = roads[piece].length - car.x
    wish = min(wish, roads[piece].slow)
    if car.leg < car.last_leg:
        slow = roads[legs[car.leg + 1]].slow
        wish = min(wish, math.sqrt(slow * slow + 2.0 * GENTLE * rest)) if slow < 1e6 else wish
    return wish


@njit(cache=True)
def next_stop(car, legs, stops):
    """Metres to where the vehicle halts at the kerb on this piece; infinite where it does not."""
    if car.stop < car.last_stop and stops[car.stop, 0] == car.leg and car.aside < 1.0 and car.left_x < 0.0:
        return stops[car.stop, 1] - car.x
    return math.inf


@njit(cache=True)
def accelerate(
    cars, active, count, now, tick, legs, stops, members, counts, siblings, roads, inside, bound, greens, begins, timing, held,
    bikes, people,
):  # fmt: skip
    """Let every driver look ahead: at who drives there, the light, the turn, the kerb, and people on the way."""
    for k in range(count):
        number = active[k]
        car = cars[number]
        if car.parked:
            continue
        wish = wish_speed(car, legs, roads)
        halt = next_stop(car, legs, stops)
        if halt < 80.0:
            wish = min(wish, math.sqrt(2.0 * 1.0 * max(halt, 0.0)) + 0.15)
        there, gap = leader(cars, number, legs, members, counts, siblings, roads)
        ahead = cars[there].speed if there >= 0 else 0.0
        found = idm(car, wish, gap, ahead)
        piece = legs[car.leg]
        front = car.x + 0.5 * car.length
        way = -1
        to_way = 0.0
        if roads[piece].crossing >= 0:
            way, to_way = piece, -car.x
        elif car.leg + 1 <= car.last_leg and roads[legs[car.leg + 1]].crossing >= 0:
            way, to_way = legs[car.leg + 1], roads[piece].length - car.x
            room = roads[piece].length - front
            if 0.0 <= room < SIGHT_M and closed(
                cars, number, room, now, tick, legs, members, counts, roads, inside, bound, greens, begins, timing, held, bikes
            ):
                found = min(found, idm(car, wish, room + 1.2, 0.0))
                if room < 0.35 and car.speed < 1.0:
                    found = min(found, -car.speed / TICK_S)
        if way >= 0 and roads[way].turn != 1 and people[roads[way].crossing, roads[way].exit, tick]:
            room = to_way + roads[way].length - WALKED_M - 0.5 * car.length
            if room < SIGHT_M and can_stop(car, room):
                found = min(found, idm(car, wish, room + 1.6, 0.0))
        car.acceleration, car.gap = found, gap


@njit(cache=True)
def remove(members, counts, piece, number):
    """Out of the order of a piece."""
    for k in range(counts[piece]):
        if members[piece, k] == number:
            for j in range(k, counts[piece] - 1):
                members[piece, j] = members[piece, j + 1]
            counts[piece] -= 1
            return


@njit(cache=True)
def insert(cars, members, counts, piece, number):
    """Into the order of a piece, from the front to the back."""
    place = counts[piece]
    while place > 0 and cars[members[piece, place - 1]].x < cars[number].x:
        members[piece, place] = members[piece, place - 1]
        place -= 1
    members[piece, place] = number
    counts[piece] += 1


@njit(cache=True)
def pull_out(cars, number, now, legs, members, counts, siblings, roads, taken, stops):
    """Let a vehicle leave the kerb, if its lane has a gap for it."""
    car = cars[number]
    if now < car.until:
        return
    piece = legs[car.leg]
    if counts[piece] >= MOST - 1:
        return
    _, gap = leader(cars, number, legs, members, counts, siblings, roads)
    if gap < STANDSTILL_M:
        return
    for k in range(counts[piece]):
        behind = members[piece, k]
        if cars[behind].x <= car.x:
            room = car.x - cars[behind].x - 0.5 * (car.length + cars[behind].length)
            if room < STANDSTILL_M + 1.0 + 1.5 * cars[behind].speed:
                return
            break
    taken[int(stops[car.stop, 3])] = 0
    car.stop += 1
    car.parked, car.left_x = 0, car.x
    insert(cars, members, counts, piece, number)


@njit(cache=True)
def move_aside(car, halt):
    """How far a vehicle is beside its lane, on its way to the kerb and away from it."""
    reach = SHIFT_M[1] if car.heavy else SHIFT_M[0]
    if car.left_x >= 0.0:
        part, sign = 1.0 - (car.x - car.left_x) / reach, -1.0
    elif halt < reach:
        part, sign = 1.0 - halt / reach, 1.0
    else:
        part, sign = 0.0, 0.0
    part = min(max(part, 0.0), 1.0)
    car.aside = part * part * (3.0 - 2.0 * part)
    car.slope = sign * 6.0 * part * (1.0 - part) / reach
    if car.left_x >= 0.0 and part == 0.0:
        car.left_x, car.slope = -1.0, 0.0


@njit(cache=True)
def stand(car, legs, roads):
    """Keep account of where and for how long a vehicle stands before a stop line."""
    if car.speed > 2.0 * STOOD:
        car.stands = 0
    if car.speed >= STOOD or roads[legs[car.leg]].crossing >= 0 or car.left_x >= 0.0:
        return
    rest = roads[legs[car.leg]].length - car.x + 0.5 * car.length
    if car.leg < car.last_leg and roads[legs[car.leg + 1]].crossing < 0:
        rest += roads[legs[car.leg + 1]].length
    car.stood_s += TICK_S
    car.queue_m = max(car.queue_m, rest)
    if not car.stands:
        car.stands = 1
        car.stops += 1


@njit(cache=True)
def step_car(cars, number, now, legs, stops, members, counts, siblings, roads, taken, passed, events):
    """Move one vehicle by a tick; False when it has left the streets, and how many events there are."""
    car = cars[number]
    speed = max(car.speed + car.acceleration * TICK_S, 0.0)
    way = 0.5 * (car.speed + speed) * TICK_S
    if way > max(car.gap - MIN_GAP_M, 0.0):
        way = max(car.gap - MIN_GAP_M, 0.0)
        speed = min(speed, way / TICK_S)
    piece = legs[car.leg]
    length = roads[piece].length
    before = length - car.x - 0.5 * car.length
    car.speed = speed
    car.x += way
    stand(car, legs, roads)
    if car.leg < car.last_leg and roads[legs[car.leg + 1]].crossing >= 0 and before >= 0.0 > before - way:
        row = passed[events]
        row.car, row.piece, row.time = number, legs[car.leg + 1], now + TICK_S * before / way
        row.stood_s, row.stops, row.queue_m = car.stood_s, car.stops, car.queue_m
        car.stood_s, car.stops, car.queue_m, car.stands = 0.0, 0, 0.0, 0
        events += 1
    if car.stop < car.last_stop or car.left_x >= 0.0:
        halt = next_stop(car, legs, stops)
        spot = int(stops[car.stop, 3]) if car.stop < car.last_stop else 0
        if halt < 60.0 and taken[spot] != 0 and taken[spot] != number + 1:
            car.stop += 1  # somebody stands there: he drives on
            halt = math.inf
        elif halt < 60.0:
            taken[spot] = number + 1
        move_aside(car, halt)
        if halt < 0.3:
            car.speed, car.aside, car.slope, car.parked = 0.0, 1.0, 0.0, 1
            car.until, car.stands = now + stops[car.stop, 2], 0
            car.stood_s, car.stops, car.queue_m = 0.0, 0, 0.0
            remove(members, counts, piece, number)
            return True, events
    if car.x >= length:
        remove(members, counts, piece, number)
        if car.leg == car.last_leg:
            return False, events
        car.x -= length
        car.leg += 1
        insert(cars, members, counts, legs[car.leg], number)
    return True, events


@njit(cache=True)
def enter(cars, number, legs, members, counts):
    """Put a vehicle at the begin of its way, if there is a gap for it."""
    car = cars[number]
    piece = legs[car.leg]
    car.x, car.speed = 0.0, car.desired
    if counts[piece]:
        last = cars[members[piece, counts[piece] - 1]]
        gap = last.x - 0.5 * (last.length + car.length)
        if gap < STANDSTILL_M + 1.0 or counts[piece] >= MOST - 1:
            return False
        car.speed = min(car.desired, max(last.speed, 0.5 * gap / car.headway))
        if idm(car, car.desired, gap, last.speed) < -2.0:
            return False
    insert(cars, members, counts, piece, number)
    return True


@njit(cache=True)
def leg_over(car, legs, roads):
    """The leg that leads over the crossing on which a vehicle is, be it with its front or with its rear; -1 where it is on
    none."""
    piece = legs[car.leg]
    if roads[piece].crossing >= 0:
        return car.leg
    if car.leg < car.last_leg and roads[legs[car.leg + 1]].crossing >= 0 and car.x + 0.5 * car.length > roads[piece].length:
        return car.leg + 1
    if car.leg > car.first_leg and roads[legs[car.leg - 1]].crossing >= 0 and car.x - 0.5 * car.length < 0.5:
        return car.leg - 1
    return -1


@njit(cache=True)
def occupy(cars, active, count, legs, roads, inside, bound):
    """Count who is on which crossing, by phase, and how much of each exit those who are bound for it will need, m."""
    inside[:] = 0
    bound[:] = 0.0
    for k in range(count):
        car = cars[active[k]]
        over = -1 if car.parked else leg_over(car, legs, roads)
        if over >= 0:
            inside[roads[legs[over]].crossing, roads[legs[over]].phase] += 1
            if over >= car.leg:
                bound[legs[over + 1]] += car.length + STANDSTILL_M


@njit(cache=True)
def record(cars, active, count, step, legs, rows, filled):
    """Append everybody's present state to the rows; the rows (moved where they were full) and their count."""
    if filled + count > len(rows):
        larger = np.empty(2 * len(rows) + count, ROW)
        larger[:filled] = rows[:filled]
        rows = larger
    for k in range(count):
        car, row = cars[active[k]], rows[filled + k]
        row.step, row.car, row.piece, row.x, row.aside = step, active[k], legs[car.leg], car.x, car.aside
        row.slope, row.speed = car.slope, car.speed
        row.braking = (car.acceleration < -0.7 or car.speed < 0.2) and not car.parked
    return rows, filled + count


@njit(cache=True, nogil=True)
def drive(cars, legs, stops, queues, roads, siblings, begins, greens, timing, held, people, bikes, spots, first, last, stride):
    """Drive one day from its begin with empty streets.

    cars: (N,) CAR in order of arrival; legs (L,): pieces of everybody's way; stops (S, 4): leg, x, seconds, place at the kerb;
    queues (G, M): numbers of who arrives at each lane, ended by -1; roads (P,) ROADS; siblings (P, K): pieces that begin where
    one begins, itself first, -1 for none; begins, greens, timing: of the lights, timing being yellow and cycle, s; held (C,
    T): whether a jam holds the southbound lanes up; people (C, 4, T): whether people are where who turns would cross the arm;
    bikes (C, 2, T): likewise; first, last: recorded steps of ``stride`` ticks, both included. Returns ROWs by step and PASSED
    in order of time."""
    members, counts = np.full((len(roads), MOST), -1, np.int64), np.zeros(len(roads), np.int64)
    active, count = np.empty(len(cars), np.int64), 0
    heads, taken = np.zeros(len(queues), np.int64), np.zeros(spots, np.int64)
    inside, bound = np.zeros((len(begins), begins.shape[1]), np.int64), np.zeros(len(roads))
    rows, filled = np.empty(1024, ROW), 0
    passed, events = np.empty(5 * len(cars) + 1, PASSED), 0
    for tick in range(last * stride + 1):
        if tick % stride == 0 and tick >= first * stride:
            rows, filled = record(cars, active, count, tick // stride, legs, rows, filled)
        now = tick * TICK_S
        for gate in range(len(queues)):
            number = queues[gate, heads[gate]]
            if number >= 0 and cars[number].arrival <= now and enter(cars, number, legs, members, counts):
                heads[gate] += 1
                active[count] = number
                count += 1
        occupy(cars, active, count, legs, roads, inside, bound)
        accelerate(cars, active, count, now, tick, legs, stops, members, counts, siblings, roads, inside, bound, greens, begins,
                   timing, held, bikes, people)  # fmt: skip
        stay = 0
        for k in range(count):
            number = active[k]
            there = True
            if cars[number].parked:
                pull_out(cars, number, now, legs, members, counts, siblings, roads, taken, stops)
            else:
                there, events = step_car(cars, number, now, legs, stops, members, counts, siblings, roads, taken, passed, events)
            if there:
                active[stay] = number
                stay += 1
        count = stay
    return rows[:filled], passed[:events]
