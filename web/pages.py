"""Renders the templates. Every word that people read is in ``templates/``, marked for translation (gettext).

Values are escaped wherever they stand (autoescape), and a name that a template does not know is an error rather than
nothing.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final, cast

from aiohttp import web
from jinja2 import Environment, PackageLoader, StrictUndefined

from web import paths
from web.outcome import Outcome, RefusedError
from web.static_files import StaticFiles

_PROBLEM_WORDS: Final = "problem_words.html"


class Pages:
    """The pages, and the problems that come instead of one."""

    def __init__(self, files: StaticFiles) -> None:
        """Find the templates.

        Args:
            files: Tells under which addresses browsers find styles.
        """
        self._environment = Environment(
            loader=PackageLoader("web"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
            extensions=["jinja2.ext.i18n"],
        )
        # The extension adds the method; English needs no catalogue.
        cast("Any", self._environment).install_null_translations(newstyle=True)
        self._environment.globals.update(static=files.address_of, Outcome=Outcome, paths=paths)

    def page(self, template: str, *, status: HTTPStatus = HTTPStatus.OK, **values: object) -> web.Response:
        """Return a page, made from a template and the values that it asks for."""
        text = self._environment.get_template(template).render(values)
        return web.Response(status=status, text=text, content_type="text/html")

    def problem(self, refused: RefusedError, *, headers: Mapping[str, str]) -> web.Response:
        """Return the page that says what was refused, and what to do."""
        page = self.page("problem.html", status=refused.status, refused=refused)
        page.headers.update(headers)
        return page

    def problem_document(self, refused: RefusedError, *, headers: Mapping[str, str]) -> web.Response:
        """Return the same for programs: ``{error, hint}``, as the command line has it."""
        words: Any = self._environment.get_template(_PROBLEM_WORDS).module
        document = {"error": str(words.error(refused)).strip(), "hint": str(words.hint(refused)).strip()}
        return web.json_response(document, status=refused.status, headers=headers)
