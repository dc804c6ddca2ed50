"""Runs under a Python with `uno`: connects to a LibreOffice that listens, does as a person would, and ends it.

Called by `tests/support/libreoffice.py`. `type_cells` types texts into cells through the same command as the keyboard;
`merge` lays out a letter with merge fields, registers a workbook as its data source, and merges it into one file a row.
"""

import json
import pathlib
import sys
import time
from contextlib import suppress
from typing import Any

import uno
from com.sun.star.beans import PropertyValue
from com.sun.star.connection import NoConnectException
from com.sun.star.lang import DisposedException

TABLE = 0
FILE = 2


def properties(**values: Any):
    return tuple(PropertyValue(name, 0, value, 0) for name, value in values.items())


def url(path):
    return pathlib.Path(path).absolute().as_uri()


def connect(pipe, patience=60):
    local = uno.getComponentContext()
    resolver = local.ServiceManager.createInstanceWithContext("com.sun.star.bridge.UnoUrlResolver", local)
    deadline = time.monotonic() + patience
    while True:
        try:
            return resolver.resolve(f"uno:pipe,name={pipe};urp;StarOffice.ComponentContext")
        except NoConnectException:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


class Office:
    def __init__(self, context) -> None:
        self.context = context
        self.desktop = self.make("com.sun.star.frame.Desktop")

    def make(self, service):
        return self.context.ServiceManager.createInstanceWithContext(service, self.context)

    def type_cells(self, source, target, cells) -> None:
        """Opens a workbook, types each text into its cell, and saves it as .xlsx elsewhere."""
        document = self.desktop.loadComponentFromURL(url(source), "_blank", 0, properties(Hidden=True))
        frame = document.CurrentController.Frame
        dispatch = self.make("com.sun.star.frame.DispatchHelper").executeDispatch
        for cell, text in cells:
            dispatch(frame, ".uno:GoToCell", "", 0, properties(ToPoint=cell))
            dispatch(frame, ".uno:EnterString", "", 0, properties(StringName=text))
        document.storeToURL(url(target), properties(FilterName="Calc MS Excel 2007 XML"))
        leave(lambda: document.close(True))

    def merge(self, source, table, fields, folder) -> None:
        """Merges the sheet `table` of a workbook into one text file a row, `letter0.txt` and so on."""
        sources = self.make("com.sun.star.sdb.DatabaseContext")
        database = sources.createInstance()
        database.URL = "sdbc:calc:" + url(source)
        database.DatabaseDocument.storeAsURL(url(folder) + "/merge.odb", ())
        sources.registerObject("payments", database)
        letter = self.desktop.loadComponentFromURL("private:factory/swriter", "_blank", 0, properties(Hidden=True))
        cursor = letter.Text.createTextCursor()
        for name in fields:
            field = letter.createInstance("com.sun.star.text.TextField.Database")
            master = letter.createInstance("com.sun.star.text.FieldMaster.Database")
            master.DataBaseName, master.DataCommandType = "payments", TABLE
            master.DataTableName, master.DataColumnName = table, name
            field.attachTextFieldMaster(master)
            letter.Text.insertString(cursor, f"{name}=", False)
            letter.Text.insertTextContent(cursor, field, False)
            letter.Text.insertString(cursor, "\n", False)
        letter.storeAsURL(url(folder) + "/letter.odt", ())
        letter.close(True)
        merge = self.make("com.sun.star.text.MailMerge")
        merge.DocumentURL, merge.DataSourceName = url(folder) + "/letter.odt", "payments"
        merge.CommandType, merge.Command = TABLE, table
        merge.OutputType, merge.OutputURL = FILE, url(folder)
        merge.FileNamePrefix, merge.SaveAsSingleFile = "merged", False
        merge.SaveFilter = "Text (encoded)"
        merge.SaveFilterOptions = "UTF8,LF,,,"
        merge.execute(())
        sources.revokeObject("payments")


def leave(call) -> None:
    """LibreOffice may be gone before it has said so, when what was asked of it is done and saved."""
    with suppress(DisposedException):
        call()


def main() -> None:
    pipe, action, wanted = sys.argv[1:]
    office = Office(connect(pipe))
    try:
        getattr(office, action)(**json.loads(wanted))
    finally:
        leave(office.desktop.terminate)


main()
