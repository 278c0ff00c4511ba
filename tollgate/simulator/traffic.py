"""Who calls whom, how long, and what goes wrong meanwhile, drawn from the dice of the episode."""

from itertools import accumulate

from tollgate.simulator.administrator import Administrator
from tollgate.simulator.beside import DOOR, BesideScript
from tollgate.simulator.node import Node
from tollgate.simulator.office import INCLUDED, TRUNKS, Office, Phone
from tollgate.simulator.scripts import Attempt, CallScript, Outcome
from tollgate.simulator.world import World

NUMBERS = (
    (INCLUDED, 30),
    ("101", 24),  # internal
    ("00447797123456", 8),
    ("00447400123456", 8),
    ("0612345678", 9),
    ("0012125551234", 7),
    ("0034911234567", 8),
    ("112", 2),
    ("00881612345678", 2),  # no rate
    ("0", 2),  # no number
)
"""As in an office: a quarter stays inside of it, a third is included in its plans, two fifths are paid for."""
_DIALLED = tuple(number for number, _ in NUMBERS)
_WEIGHTS = tuple(accumulate(weight for _, weight in NUMBERS))
ON_TRUNK = ("+447797123456", "+447400123456", "0033612345678", "+12125551234", "+34911234567", "+33145678901", "112")
"""What is dialled past the gate."""
UNGATED, INBOUND = 0.02, 0.04
"""So often a leg is dialled past the gate beside a call, and (the rest up to the second) a call comes in."""
LONGEST_BESIDE_S = 90.0
"""So long a leg beside the gate talks at most; one in five less than a second: over before it is judged, perhaps."""
MEDIAN_TALK_LOG, SPREAD = 2.6, 1.1
"""Of the logarithm of talked seconds: half of all calls talk less than 14 s, one in fifty more than two minutes."""
LONGEST_TALK_S = 400.0
TROUBLE_WITHIN_S = 10.0
SOON_GIVEN_UP = 0.7
"""How often somebody else calls instead of one whose phone rings nobody, since the service is away there."""


class Traffic:
    """Places calls and has troubles come."""

    def __init__(self, world: World, office: Office, nodes: dict[str, Node], administrator: Administrator) -> None:
        self._world = world
        self._office = office
        self._nodes = nodes
        self._administrator = administrator
        self._phones = office.phones

    def place_one(self) -> None:
        """Place a call; something may go wrong within the next seconds."""
        dice = self._world.dice
        phone = dice.choice(self._phones)
        if not self._nodes[phone.node].is_serving and self._world.chance(SOON_GIVEN_UP):
            phone = dice.choice(self._phones)
        node = self._nodes[phone.node]
        node.pbx.place(self._script(phone, dice.choices(_DIALLED, cum_weights=_WEIGHTS)[0]))
        self._beside(node, phone)
        self._administrator.acts()
        self._trouble(node)

    def place_by_night(self) -> None:
        """Place a call that no service hears of, to a number that rings all the same."""
        phone = self._world.dice.choice(self._phones)
        dialled = self._world.dice.choice((INCLUDED, "112"))
        self._nodes[phone.node].pbx.place(self._script(phone, dialled))

    def _script(self, phone: Phone, dialled: str) -> CallScript:
        dice = self._world.dice
        outcome = dice.random()
        attempts = tuple(self._attempt(outcome if index == 0 else dice.random()) for index in range(2))
        answer_s = attempts[0].ring_s
        return CallScript(
            endpoint=phone.endpoint,
            dialled=dialled,
            attempts=attempts,
            patience_s=dice.uniform(0.05, answer_s) if dice.random() < 0.12 else dice.uniform(20.0, 90.0),
            talk_s=min(LONGEST_TALK_S, dice.lognormvariate(MEDIAN_TALK_LOG, SPREAD)),
            caller_ends=dice.random() < 0.5,
            transfer_after_s=dice.uniform(0.5, 10.0) if dice.random() < 0.03 else None,
            twin=dice.random() < 0.01,
        )

    def _attempt(self, roll: float) -> Attempt:
        outcome = Outcome.SILENCE
        if roll < 0.72:
            outcome = Outcome.ANSWER
        elif roll < 0.82:
            outcome = Outcome.BUSY
        elif roll < 0.88:
            outcome = Outcome.CONGESTION
        return Attempt(self._world.dice.uniform(0.3, 9.0), outcome)

    def _beside(self, node: Node, phone: Phone) -> None:
        """Have a leg dialled past the gate, or a call come in, now and then."""
        dice = self._world.dice
        roll = dice.random()
        if roll >= INBOUND:
            return
        is_answered = dice.random() < 0.8
        node.pbx.place_beside(
            BesideScript(
                endpoint=dice.choice((phone.endpoint, phone.endpoint, DOOR, "")),
                dialled=dice.choice(ON_TRUNK) if roll < UNGATED else "",
                trunk=dice.choice(TRUNKS),
                ring_s=dice.uniform(0.05, 4.0),
                talk_s=0.2 + LONGEST_BESIDE_S * dice.random() ** 3 if is_answered else None,
            )
        )

    def _trouble(self, node: Node) -> None:
        rates = self._world.rates
        troubles = (
            (rates.service_killed, lambda: node.kill("at random")),
            (rates.service_stopped, node.stop),
            (rates.node_silent, node.falls_silent),
            (rates.second_instance, node.start_another),
            (rates.asterisk_killed, node.kill_asterisk),
            (rates.asterisk_stopped, node.stop_asterisk),
            (rates.ari_cut, node.cut_ari),
            (rates.ami_cut, node.cut_ami),
            (rates.store_away, node.lose_store),
            (rates.clock_set, node.set_clock),
        )
        roll = self._world.dice.random()
        for probability, trouble in troubles:
            if roll < probability:
                self._world.later(self._world.between(0.0, TROUBLE_WITHIN_S), trouble)
                return
            roll -= probability
