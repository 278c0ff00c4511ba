"""Real numbers, as phones of six home regions dial them: what they are read as, and their class.

The French office has the plan that ships; the others have a plan of their own country's fixed and mobile lines.
"""

import pytest

from rating.decision import decide
from rating.deck import Deck
from rating.destination import NumberType
from rating.dialled import DialRules
from rating.plan import Plan

# home, dialled, number, region, type, class; "-" where there is none.
NUMBERS = """
FR 0123456789        +33123456789   FR  fixed           included
FR 0033123456789     +33123456789   FR  fixed           included
FR +33123456789      +33123456789   FR  fixed           included
FR +330123456789     +33123456789   FR  fixed           included
FR 0240123456        +33240123456   FR  fixed           included
FR 0388123456        +33388123456   FR  fixed           included
FR 0491123456        +33491123456   FR  fixed           included
FR 0561123456        +33561123456   FR  fixed           included
FR 0612345678        +33612345678   FR  mobile          included
FR 0033612345678     +33612345678   FR  mobile          included
FR +33612345678      +33612345678   FR  mobile          included
FR 0638123456        +33638123456   FR  mobile          included
FR 0695123456        +33695123456   FR  mobile          included
FR 0761123456        +33761123456   FR  mobile          included
FR 0970123456        +33970123456   FR  voip            included
FR 0800123456        +33800123456   FR  toll_free       included
FR 0805123456        +33805123456   FR  toll_free       included
FR 0806123456        +33806123456   FR  uan             national
FR 0809123456        +33809123456   FR  uan             national
FR 0700123456        +33700123456   FR  unknown         national
FR 0810123456        +33810123456   FR  shared_cost     premium
FR 0820123456        +33820123456   FR  shared_cost     premium
FR 0825123456        +33825123456   FR  shared_cost     premium
FR 0836123456        +33836123456   FR  premium         premium
FR 0892123456        +33892123456   FR  premium         premium
FR 0899123456        +33899123456   FR  premium         premium
FR 0262301234        +262262301234  RE  fixed           international
FR 0692123456        +262692123456  RE  mobile          international
FR +33692123456      +262692123456  RE  mobile          international
FR 0693012345        +262693012345  RE  mobile          international
FR 0639012345        +262639012345  YT  mobile          international
FR 0639123456        +262639123456  YT  unknown         international
FR 0269601234        +262269601234  YT  fixed           international
FR 0590123456        +590590123456  GP  fixed           international
FR 0690001234        +590690001234  GP  mobile          international
FR 0691221234        +590691221234  GP  mobile          international
FR 0594123456        +594594123456  GF  fixed           international
FR 0694001234        +594694001234  GF  mobile          international
FR 0596301234        +596596301234  MQ  fixed           international
FR 0033596301234     +596596301234  MQ  fixed           international
FR 0696123456        +596696123456  MQ  mobile          international
FR 0697123456        +596697123456  MQ  mobile          international
FR 0508411234        +508411234     PM  fixed           international
FR 0708401234        +508708401234  PM  mobile          international
FR 0709201234        +262709201234  RE  mobile          international
FR 0976312345        +262976312345  RE  voip            international
FR 0939912345        +262939912345  RE  voip            international
FR 0947501234        +590947501234  GP  voip            international
FR 00687123456       +687123456     NC  unknown         international
FR 00687271234       +687271234     NC  fixed           international
FR 0068940412345     +68940412345   PF  fixed           international
FR 00447797123456    +447797123456  JE  mobile          international
FR +447911123456     +447911123456  GG  mobile          international
FR 00447624123456    +447624123456  IM  mobile          international
FR 00441534512345    +441534512345  JE  fixed           international
FR 00442079460018    +442079460018  GB  fixed           included
FR 00447400123456    +447400123456  GB  mobile          international
FR 00443001234567    +443001234567  GB  uan             international
FR 00447012345678    +447012345678  GB  personal        premium
FR 00449098790000    +449098790000  GB  premium         premium
FR 00448712345678    +448712345678  GB  premium         premium
FR 004930901820      +4930901820    DE  fixed           included
FR 004915123456789   +4915123456789 DE  mobile          international
FR 0034912345678     +34912345678   ES  fixed           included
FR 0034612345678     +34612345678   ES  mobile          international
FR 00390612345678    +390612345678  IT  fixed           included
FR 00393123456789    +393123456789  IT  mobile          international
FR 00390669812345    +390669812345  VA  fixed           international
FR 0041446681800     +41446681800   CH  fixed           included
FR 0043123456789     +43123456789   AT  fixed           included
FR 003225551212      +3225551212    BE  fixed           included
FR 0031201234567     +31201234567   NL  fixed           included
FR 00351211234567    +351211234567  PT  fixed           included
FR 0035312345678     +35312345678   IE  fixed           included
FR 00352222345       +352222345     LU  fixed           included
FR 004681234567      +4681234567    SE  fixed           included
FR 0048221234567     +48221234567   PL  fixed           international
FR 0077012345678     +77012345678   KZ  mobile          international
FR 0079031234567     +79031234567   RU  mobile          international
FR 0012125550100     +12125550100   US  fixed_or_mobile international
FR 0012129761234     +12129761234   US  premium         premium
FR 0018091234567     +18091234567   DO  toll_free       international
FR 0018765550100     +18765550100   JM  mobile          international
FR 00525512345678    +525512345678  MX  fixed_or_mobile international
FR 005215512345678   +525512345678  MX  fixed_or_mobile international
FR +5215512345678    +525512345678  MX  fixed_or_mobile international
FR 005378312345      +5378312345    CU  fixed           international
FR 00870773123456    +870773123456  001 satellite       international
FR 00881612345678    +881612345678  001 satellite       international
FR 0088213123456     +88213123456   001 satellite       barred
FR 00882163000001    +882163000001  001 satellite       international
FR 00883510012345    +883510012345  001 satellite       international
FR 00979123456789    +979123456789  001 premium         premium
FR 0080012345678     +80012345678   001 toll_free       international
FR 112               112            FR  emergency       emergency
FR 15                15             FR  emergency       emergency
FR 17                17             FR  emergency       emergency
FR 18                18             FR  emergency       emergency
FR 114               114            FR  emergency       emergency
FR 115               115            FR  emergency       emergency
FR 119               119            FR  emergency       emergency
FR 191               191            FR  emergency       emergency
FR 196               196            FR  emergency       emergency
FR *67112            112            FR  emergency       emergency
FR 3651112           112            FR  emergency       emergency
FR 101               101            FR  internal        internal
FR 3631              3631           FR  short           premium
FR 1014              1014           FR  short           included
FR 1013              1013           FR  short           premium
FR 3919              3919           FR  short           included
FR 3018              3018           FR  short           included
FR 3114              3114           FR  short           included
FR 3250              3250           FR  short           premium
FR 116117            116117         FR  short           included
FR 118218            118218         FR  short           premium
FR 36510612345678    +33612345678   FR  mobile          included
FR #31#0612345678    +33612345678   FR  mobile          included
FR *31#+33612345678  +33612345678   FR  mobile          included
FR *670612345678     +33612345678   FR  mobile          included
FR 0                 -              -   -               -
FR +                 -              -   -               -
FR 00                -              -   -               -
FR 12                -              -   -               -
FR 0112              -              -   -               -
FR *112              -              -   -               -
FR +112              -              -   -               -
FR 612345678         -              -   -               -
FR 33612345678       -              -   -               -
FR 06123456789       -              -   -               -
FR 061234567         -              -   -               -
FR 18095551234       -              -   -               -
FR 011442079460018   -              -   -               -
FR +9991234567       -              -   -               -
FR +447700900123     -              -   -               -
FR +0612345678       -              -   -               -
ES 912345678         +34912345678   ES  fixed           included
ES 612345678         +34612345678   ES  mobile          included
ES +34612345678      +34612345678   ES  mobile          included
ES 900123456         +34900123456   ES  toll_free       national
ES 803123456         +34803123456   ES  premium         premium
ES 902123456         +34902123456   ES  shared_cost     premium
ES 067912345678      +34912345678   ES  fixed           included
ES 112               112            ES  emergency       emergency
ES 061               061            ES  emergency       emergency
ES 062               062            ES  emergency       emergency
ES 080               080            ES  emergency       emergency
ES 091               091            ES  emergency       emergency
ES 092               092            ES  emergency       emergency
ES 016               016            ES  short           national
ES 11818             11818          ES  short           premium
ES 0033612345678     +33612345678   FR  mobile          international
ES 00376312345       +376312345     AD  mobile          international
ES 00350201234       -              -   -               -
ES 0035020012345     +35020012345   GI  fixed           international
MX 5512345678        +525512345678  MX  fixed_or_mobile included
MX 015512345678      +525512345678  MX  fixed_or_mobile included
MX 0445512345678     +525512345678  MX  fixed_or_mobile included
MX 0455512345678     +525512345678  MX  fixed_or_mobile included
MX +5215512345678    +525512345678  MX  fixed_or_mobile included
MX 8001234567        +528001234567  MX  toll_free       national
MX 9001234567        +529001234567  MX  premium         premium
MX 911               911            MX  emergency       emergency
MX 065               065            MX  emergency       emergency
MX 040               040            MX  short           national
MX 0012125550100     +12125550100   US  fixed_or_mobile international
MX 00447797123456    +447797123456  JE  mobile          international
MX 5551212           -              -   -               -
US 2125550100        +12125550100   US  fixed_or_mobile included
US 12125550100       +12125550100   US  fixed_or_mobile included
US +12125550100      +12125550100   US  fixed_or_mobile included
US *672125550100     +12125550100   US  fixed_or_mobile included
US *8212125550100    +12125550100   US  fixed_or_mobile included
US 101028812125550100 +12125550100  US  fixed_or_mobile included
US 1010288011447797123456 +447797123456 JE mobile       international
US 18002345678       +18002345678   US  toll_free       national
US 19002341234       +19002341234   US  premium         premium
US 2129761234        +12129761234   US  premium         premium
US 2125551212        +12125551212   US  premium         premium
US 15005550123       +15005550123   US  personal        premium
US 411               411            US  short           premium
US 311               311            US  short           national
US 911               911            US  emergency       emergency
US 112               112            US  emergency       emergency
US 933               933            US  emergency       emergency
US 988               988            US  emergency       emergency
US 12425550100       +12425550100   BS  unknown          international
US 12423591234       +12423591234   BS  mobile          international
US 18765550100       +18765550100   JM  mobile          international
US 8765550100        +18765550100   JM  mobile          international
US 18769761234       +18769761234   JM  fixed           international
US 8095551234        +18095551234   DO  fixed_or_mobile international
US 18685550100       +18685550100   TT  unknown         international
US 18686221234       +18686221234   TT  fixed           international
US 18675551234       +18675551234   CA  fixed_or_mobile international
US 14165550123       +14165550123   CA  fixed_or_mobile international
US 14169761234       +14169761234   CA  premium         premium
US 17875550123       +17875550123   PR  fixed_or_mobile international
US 011447797123456   +447797123456  JE  mobile          international
US 011525512345678   +525512345678  MX  fixed_or_mobile international
US 5551212           -              -   -               -
US 9112125551212     -              -   -               -
US 00442079460018    -              -   -               -
US 10000000000       -              -   -               -
US 17001234567       -              -   -               -
GB 02079460018       +442079460018  GB  fixed           included
GB 07400123456       +447400123456  GB  mobile          included
GB +447400123456     +447400123456  GB  mobile          included
GB 07797123456       +447797123456  JE  mobile          international
GB 07911123456       +447911123456  GG  mobile          international
GB 07624123456       +447624123456  IM  mobile          international
GB 01534512345       +441534512345  JE  fixed           international
GB 03001234567       +443001234567  GB  uan             national
GB 08001111          +448001111     GB  toll_free       national
GB 08081570000       +448081570000  GB  toll_free       national
GB 08431234567       +448431234567  GB  premium         premium
GB 09098790000       +449098790000  GB  premium         premium
GB 07012345678       +447012345678  GB  personal        premium
GB 05612345678       +445612345678  GB  voip            national
GB 07640123456       +447640123456  GB  pager           national
GB 14107400123456    +447400123456  GB  mobile          included
GB 147007400123456   +447400123456  GB  mobile          included
GB 999               999            GB  emergency       emergency
GB 112               112            GB  emergency       emergency
GB 18000             18000          GB  emergency       emergency
GB 101               101            GB  internal        internal
GB 111               111            GB  short           national
GB 118118            118118         GB  short           premium
GB 0033800123456     +33800123456   FR  toll_free       international
GB 2079460018        -              -   -               -
GB 07700900123       -              -   -               -
DE 030901820         +4930901820    DE  fixed           included
DE 015123456789      +4915123456789 DE  mobile          included
DE +4915123456789    +4915123456789 DE  mobile          included
DE 08001234567       +498001234567  DE  toll_free       national
DE 09001234567       +499001234567  DE  premium         premium
DE 018012345         +4918012345    DE  shared_cost     premium
DE 01801234567       +491801234567  DE  shared_cost     premium
DE 070012345678      +4970012345678 DE  personal        premium
DE 05211234567890    +495211234567890 DE fixed          included
DE +495211234567890  +495211234567890 DE fixed          included
DE 032221234567      +4932221234567 DE  voip            national
FR 004932221234567   +4932221234567 DE  voip            international
DE 112               112            DE  emergency       emergency
DE 110               110            DE  emergency       emergency
DE 115               115            DE  short           national
DE 11833             11833          DE  short           premium
DE 0043123456789     +43123456789   AT  fixed           international
DE 0041791234567     +41791234567   CH  mobile          international
DE 4930901820        -              -   -               -
"""

Row = tuple[str, str, str, str, str, str]
ROWS: list[Row] = [tuple(line.split()) for line in NUMBERS.strip().splitlines()]  # type: ignore[misc]  # 6 words


def _home_plan(home: str) -> Plan:
    lines = (NumberType.FIXED, NumberType.MOBILE, NumberType.FIXED_OR_MOBILE)
    included = frozenset((home, number_type) for number_type in lines)
    return Plan(name="home", title="Home", home_region=home, deck="example", included=included)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row[0]}-{row[1]}")
def test_real_number_dialled_at_home_has_its_class(row: Row, example_deck: Deck, french_office: Plan) -> None:
    home, dialled, number, region, number_type, destination_class = row
    rules = DialRules(home_region=home, extensions=frozenset({"101"}))
    plan = french_office if home == "FR" else _home_plan(home)
    decision = decide(dialled, rules=rules, plan=plan, deck=example_deck, prepaid=True)
    told = (decision.number, decision.region, decision.number_type, decision.destination_class)
    assert [str(fact or "-") for fact in told] == [number, region, number_type, destination_class]


def test_table_of_real_numbers_covers_six_home_regions() -> None:
    assert {home for home, *_ in ROWS} == {"FR", "ES", "MX", "US", "GB", "DE"}
    assert len(ROWS) == len({row[:2] for row in ROWS}) >= 220
