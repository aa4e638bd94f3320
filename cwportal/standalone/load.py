"""Import a directory of CSV files into the portal (`cwportal load DIR`), all or nothing."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import Engine
from sqlalchemy.exc import IntegrityError, OperationalError

from cwportal.errors import BadFile, CWPortalError, UsageError
from cwportal.plugin import is_busy
from cwportal.standalone.check import Progress, check_file
from cwportal.standalone.columns import FILES
from cwportal.standalone.known import Known
from cwportal.standalone.problems import Problems
from cwportal.standalone.spool import Spool
from cwportal.standalone.write import write


@dataclass(frozen=True, slots=True)
class LoadReport:
    """What was loaded: rows per kind of file that was present. `ignored` are other CSV files beside them. `repriced` and `unpriced`: how
    many retail prices are others than before, and how many are no longer there.
    """

    rows: dict[str, int]
    ignored: tuple[str, ...] = ()
    repriced: int = 0
    unpriced: int = 0


def load(
    engine: Engine,
    directory: Path,
    progress: Progress | None = None,
    *,
    actor: str = "cwportal load",
    only: str | None = None,
) -> LoadReport:
    """Replace the portal's data with the files of `directory`, for the partners named in each of them.

    Partners, products and accounts are updated in place (accounts that accounts.csv leaves out are removed), prices,
    charges and users are replaced. Nothing is written unless every row of every file is good: BadFile names those
    that are not. Readers see everything old until everything is new. `progress` is called as work goes on. `actor` stands
    in the history of prices. `only`: rows of other partners than this one are refused.
    """
    files = _files(directory)
    report = progress or (lambda *_: None)
    problems = Problems()
    known = Known(engine, only=only)
    spools: dict[str, Spool] = {}
    partners: dict[str, set[str]] = {}
    with TemporaryDirectory(prefix="cwportal-load-") as folder, ExitStack() as stack:
        for spec in FILES:
            if spec.kind not in files:
                continue
            spool = stack.enter_context(Spool(Path(folder, spec.kind)))
            spools[spec.kind] = spool
            try:
                partners[spec.kind] = check_file(
                    files[spec.kind], spec, known=known, spool=spool, problems=problems, progress=report
                )
            except OSError as error:
                raise BadFile([f"{spec.file} cannot be read: {error.strerror}."]) from error
        known.check_removed_accounts(partners, problems)
        problems.raise_if_any()
        try:
            with engine.begin() as connection:
                made = write(connection, spools, partners, report, actor=actor, now=int(time.time()))
        except IntegrityError as error:
            raise UsageError(
                "The portal's data were changed by somebody else while the files were checked, and the files do not "
                "fit them any more. Nothing was loaded; load again to see what does not fit."
            ) from error
        except OperationalError as error:
            again = ". Something else is being written; try again in a minute" if is_busy(error) else ""
            raise CWPortalError(
                f"The database could not be written, nothing was loaded: {error.orig}{again}."
            ) from error
    ours = {spec.file for spec in FILES}
    ignored = sorted(path.name for path in directory.glob("*.csv") if path.name not in ours)
    unpriced = sum(one.after is None for one in made)
    rows = {kind: spool.rows for kind, spool in spools.items()}
    return LoadReport(rows, tuple(ignored), sum(one.before is not None for one in made) - unpriced, unpriced)


def _files(directory: Path) -> dict[str, Path]:
    if not directory.is_dir():
        raise BadFile([f"{directory} is not a directory."])
    found = {spec.kind: directory / spec.file for spec in FILES if (directory / spec.file).is_file()}
    if not found:
        raise BadFile([f"{directory} holds none of {', '.join(spec.file for spec in FILES)}."])
    return found
