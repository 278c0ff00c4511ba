"""Who calls whom, how long, and what goes wrong meanwhile, drawn from the dice of the episode."""

from tollgate.simulator.administrator import Administrator
from tollgate.simulator.node import Node
from tollgate.simulator.office import INCLUDED, Office, Phone
from tollgate.simulator.scripts import Attempt, CallScript, Outcome
from tollgate.simulator.world import World

NUMBERS = (
    (INCLUDED, 22),
    ("00447797123456", 14),
    ("00447400123456", 12),
    ("0612345678", 14),
    ("0012125551234", 10),
    ("0034911234567", 12),
    ("112", 2),
    ("101", 3),  # internal
    ("00881612345678", 1),  # no rate
    ("0", 1),  # no number
)
_DIALLED = tuple(number for number, _ in NUMBERS)
_WEIGHTS = tuple(weight for _, weight in NUMBERS)
MEDIAN_TALK_LOG, SPREAD = 2.6, 1.1
"""Of the logarithm of talked seconds: half of all calls talk less than 14 s, one in fifty more than two minutes."""
LONGEST_TALK_S = 400.0
TROUBLE_WITHIN_S = 20.0


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
        node = self._nodes[phone.node]
        node.pbx.place(self._script(phone))
        self._administrator.acts()
        self._trouble(node)

    def _script(self, phone: Phone) -> CallScript:
        dice = self._world.dice
        outcome = dice.random()
        attempts = tuple(self._attempt(outcome if index == 0 else dice.random()) for index in range(2))
        answer_s = attempts[0].ring_s
        return CallScript(
            endpoint=phone.endpoint,
            dialled=dice.choices(_DIALLED, _WEIGHTS)[0],
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

    def _trouble(self, node: Node) -> None:
        rates = self._world.rates
        troubles = (
            (rates.service_killed, lambda: node.kill("at random")),
            (rates.service_stopped, node.stop),
            (rates.node_silent, node.falls_silent),
            (rates.asterisk_killed, node.kill_asterisk),
            (rates.asterisk_stopped, node.stop_asterisk),
            (rates.ari_cut, node.cut_ari),
            (rates.ami_cut, node.cut_ami),
            (rates.store_away, node.lose_store),
        )
        roll = self._world.dice.random()
        for probability, trouble in troubles:
            if roll < probability:
                self._world.later(self._world.between(0.0, TROUBLE_WITHIN_S), trouble)
                return
            roll -= probability
