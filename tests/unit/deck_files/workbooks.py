"""Workbooks as other programs write them, part by part."""

import zipfile
from pathlib import Path

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"


def sheet(rows: str) -> str:
    """Return a sheet's part around its rows."""
    return f'<?xml version="1.0"?><worksheet xmlns="{MAIN}"><sheetData>{rows}</sheetData></worksheet>'


def shared_strings(items: str) -> str:
    """Return the part of shared strings around its items."""
    return f'<sst xmlns="{MAIN}">{items}</sst>'


def write_workbook(
    path: Path, worksheet: str | bytes, *, shared: str = "", styles: str = "", properties: str = "", **more: str
) -> Path:
    """Write a workbook of one sheet ``Rates``; ``more`` are further parts, ``__`` in their names is a slash."""
    parts: dict[str, str | bytes] = {
        "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{_RELATIONS}">{properties}'
        '<sheets><sheet name="Rates" sheetId="1" r:id="rId1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_PACKAGE}">'
        f'<Relationship Id="rId1" Type="{_RELATIONS}/worksheet" Target="worksheets/sheet1.xml"/>'
        f'<Relationship Id="rId2" Type="{_RELATIONS}/sharedStrings" Target="/xl/sharedStrings.xml"/>'
        f'<Relationship Id="rId3" Type="{_RELATIONS}/styles" Target="styles.xml"/></Relationships>',
        "xl/worksheets/Sheet1.xml": worksheet,
        "xl/sharedStrings.xml": shared or shared_strings(""),
        "xl/styles.xml": f'<styleSheet xmlns="{MAIN}">{styles}</styleSheet>',
    }
    parts |= {name.replace("__", "/"): part for name, part in more.items()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, part in parts.items():
            archive.writestr(name, part)
    return path
