"""``plan``: what is included."""

from pathlib import Path
from typing import Annotated

import typer

from ari_app.clock import epoch_ms, utc_now
from rating.plan import Plan, PlanError, parse_plan
from store.catalog import put_plan
from store.errors import UnknownPlanError
from store.store import Store
from tollgate.cli.context import JsonOption, settings_of, with_store
from tollgate.cli.deck_use import currency_faults
from tollgate.cli.errors import BadInputError
from tollgate.cli.files import open_text
from tollgate.cli.installation import shipped_plans
from tollgate.cli.output import Document, print_table, say, show
from tollgate.cli.topic import topic

plan_app = topic(
    "Plans: what an extension may dial at no charge, and whose prices the rest has.",
    ("tollgate plan list --shipped", "tollgate plan import --shipped fr-domestic-1200", "tollgate plan show fr-office"),
)


@plan_app.command("list", short_help="List the plans and their faults.")
def list_all(
    ctx: typer.Context,
    shipped: Annotated[
        bool, typer.Option("--shipped", help="Those that ship instead: `plan import --shipped NAME` loads one.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """List the plans, and what keeps paid calls from being made under them.

    \b
    Examples:
      tollgate plan list
      tollgate plan list --shipped
    """

    async def work(store: Store) -> list[Document]:
        faults = await currency_faults(store)
        plans = [_summary(name, text) for name, text in (await store.plans()).items()]
        return [{**plan, "fault": plan["fault"] or faults.get(plan["plan"])} for plan in plans]

    if shipped:
        plans = [_summary(name, text) for name, text in shipped_plans(settings_of(ctx).home_region).items()]
    else:
        plans = with_store(ctx, work)
    columns = ("plan", "title", "home_region", "deck", "fault")
    rows = [[plan[column] for column in columns] for plan in plans]
    show({"plans": plans}, lambda: print_table(columns, rows), as_json=as_json)


@plan_app.command("show")
def show_one(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The plan's name.")],
    as_json: JsonOption = False,
) -> None:
    """Show a plan: its TOML, which `plan import` reads.

    \b
    Examples:
      tollgate plan show fr-office > my-plan.toml
    """

    async def work(store: Store) -> str:
        text = await store.plan_text(name)
        if text is None:
            raise UnknownPlanError(f"there is no plan {name}; `tollgate plan list` shows them")
        return text

    text = with_store(ctx, work)
    show(_document(name, text), lambda: say(text.rstrip("\n")), as_json=as_json)


@plan_app.command("import")
def import_file(
    ctx: typer.Context,
    file: Annotated[Path | None, typer.Argument(metavar="FILE", help="TOML, as `plan show` writes it.")] = None,
    shipped: Annotated[
        str | None, typer.Option(metavar="NAME", help="A plan that ships, instead of a file: `plan list --shipped`.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Load a plan, new or in the place of the one of its name.

    \b
    Examples:
      tollgate plan import my-plan.toml
      tollgate plan import --shipped fr-domestic-1200
    """
    home_region = settings_of(ctx).home_region
    text = _text_to_import(file, shipped, home_region)
    try:
        plan = parse_plan(text)
    except PlanError as error:
        raise BadInputError(f"{file} is no plan: {error}", "correct it and import again") from error

    async def work(store: Store) -> tuple[bool, bool]:
        replaced = await store.plan_text(plan.name) is not None
        await store.apply(put_plan(name=plan.name, toml=text, at_ms=epoch_ms(utc_now())))
        return replaced, await store.deck(plan.deck) is not None

    replaced, has_deck = with_store(ctx, work)
    warnings = _warnings(plan, home_region, has_deck=has_deck)
    document = {
        "plan": plan.name,
        "deck": plan.deck,
        "replaced": replaced,
        "deck_is_there": has_deck,
        "warnings": warnings,
    }
    show(document, lambda: _say_imported(plan, warnings, replaced=replaced), as_json=as_json)


def _text_to_import(file: Path | None, shipped: str | None, home_region: str) -> str:
    if (file is None) == (shipped is None):
        raise BadInputError("one plan is imported at a time", "name a FILE, or --shipped NAME")
    if file is not None:
        with open_text(file) as lines:
            return lines.read()
    plans = shipped_plans(home_region)
    if shipped not in plans:
        raise BadInputError(f"no plan {shipped} ships", "`tollgate plan list --shipped` names them")
    return plans[shipped]


def _warnings(plan: Plan, home_region: str, *, has_deck: bool) -> list[str]:
    """Return what an administrator may not have meant."""
    found = []
    if plan.home_region != home_region:
        found.append(
            f"its home region is {plan.home_region}, this office's is {home_region}: calls at home are abroad to it"
        )
    if not has_deck:
        found.append(f"its deck {plan.deck} is not there yet: tollgate rates import FILE --deck {plan.deck}")
    return found


def _say_imported(plan: Plan, warnings: list[str], *, replaced: bool) -> None:
    say(f"plan {plan.name} {'replaced' if replaced else 'loaded'}")
    for warning in warnings:
        say(warning)


def _summary(name: str, text: str) -> Document:
    try:
        plan = parse_plan(text)
    except PlanError as error:
        return {"plan": name, "title": None, "home_region": None, "deck": None, "fault": str(error)}
    return {
        "plan": name,
        "title": plan.title,
        "home_region": plan.home_region,
        "deck": plan.deck,
        "fault": None,
    }


def _document(name: str, text: str) -> Document:
    summary = _summary(name, text)
    if summary["fault"] is None:
        summary |= _details(parse_plan(text))
    return {**summary, "toml": text}


def _details(plan: Plan) -> Document:
    return {
        "included": [{"region": region, "type": kind} for region, kind in sorted(plan.included)],
        "included_short": list(plan.included_short),
        "allowances": [
            {
                "name": allowance.name,
                "minutes": allowance.minutes,
                "per": allowance.scope,
                "covers": [{"region": region, "type": kind} for region, kind in sorted(allowance.covers)],
            }
            for allowance in plan.allowances
        ],
        "refused": sorted(plan.refused),
        "longest_call_s": plan.longest_call_s,
        "away_patterns": list(plan.away_patterns),
        "away_excluded": list(plan.away_excluded),
    }
