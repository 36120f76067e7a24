"""Uses DocDB with the client that protoc generates for Python. The argument is the server's socket.

Writes a line for each thing that worked, and ends with a traceback at the first that didn't.
"""

import sys

import grpc
from docdb.v1 import database_pb2, database_pb2_grpc
from docdb.v1 import document_pb2 as docs
from docdb.v1 import document_pb2_grpc
from docdb.v1 import operations_pb2, operations_pb2_grpc
from google.rpc import error_details_pb2, status_pb2

DATABASE = "python"
# A double holds none of these: each would become another number.
ODD, HIGH, GREATEST = 2**53 + 1, 2**63 + 1, 2**64 - 1
# A parser of JSON would change every member of it.
EXACT = r'{"n":18446744073709551615,"f":1.0,"e":1e400,"é":"\ud83d\ude00"}'


def main(socket):
    with grpc.insecure_channel(f"unix:{socket}") as channel:
        databases = database_pb2_grpc.DatabaseServiceStub(channel)
        documents = document_pb2_grpc.DocumentServiceStub(channel)
        operations = operations_pb2_grpc.OperationsServiceStub(channel)
        created = databases.CreateDatabase(database_pb2.CreateDatabaseRequest(database=DATABASE))
        equal(created.database.state, database_pb2.DATABASE_STATE_OPEN)
        create_and_get(documents)
        update(documents)
        write_batches(documents)
        list_pages(documents)
        delete(documents)
        compact(operations)
        databases.DeleteDatabase(database_pb2.DeleteDatabaseRequest(database=DATABASE))


def create_and_get(documents):
    for id in (GREATEST, ODD):
        equal(documents.CreateDocument(docs.CreateDocumentRequest(database=DATABASE, id=id, json=EXACT)).id, id)
        document = get(documents, id)
        equal((document.id, document.json), (id, EXACT))
        if document.create_time.seconds == 0:
            raise AssertionError("the document has no create_time")
    print("creates and gets a document byte for byte under an id beyond 2^53")


def update(documents):
    version = get(documents, ODD).version
    request = docs.UpdateDocumentRequest(database=DATABASE, id=ODD, json="[1.0]")
    for other in (ODD, GREATEST):
        request.precondition.version = other
        info = refusal(lambda: documents.UpdateDocument(request), grpc.StatusCode.FAILED_PRECONDITION)
        equal(info.reason, "VERSION_MISMATCH")
        equal((info.metadata["id"], info.metadata["version"]), (str(ODD), str(version)))
    equal(get(documents, ODD).json, EXACT)
    request.precondition.version = version
    updated = documents.UpdateDocument(request)
    document = get(documents, ODD)
    equal((document.json, document.version), ("[1.0]", updated.version))
    equal((document.create_time, document.update_time), (updated.create_time, updated.update_time))
    print("updates a document of a given version, and is refused with a version beyond 2^53")


def write_batches(documents):
    create = lambda id: docs.WriteOperation(create=docs.WriteOperation.Create(id=id, json=str(id)))
    good, bad = create(HIGH), create(ODD)
    atomic = docs.BatchWriteRequest(database=DATABASE, atomic=True, operations=[good, bad])
    info = refusal(lambda: documents.BatchWrite(atomic), grpc.StatusCode.ALREADY_EXISTS)
    equal((info.reason, info.metadata["index"], info.metadata["id"]), ("DOCUMENT_EXISTS", "1", str(ODD)))

    each = documents.BatchWrite(docs.BatchWriteRequest(database=DATABASE, operations=[bad, good]))
    failed, written = each.results
    equal(info_of(failed.error).reason, "DOCUMENT_EXISTS")
    equal(written.document.id, HIGH)

    ids = [HIGH, HIGH + 1, GREATEST]
    results = documents.BatchGetDocuments(docs.BatchGetDocumentsRequest(database=DATABASE, ids=ids)).results
    equal([result.id for result in results], ids)
    equal([result.WhichOneof("result") for result in results], ["document", "missing", "document"])
    equal(results[0].document.json, str(HIGH))
    print("writes batches, atomic or not, and reads the ErrorInfo of what failed in them")


def list_pages(documents):
    ids, token = [], ""
    while True:
        request = docs.ListDocumentsRequest(database=DATABASE, page_size=2, page_token=token)
        page = documents.ListDocuments(request)
        ids += [document.id for document in page.documents]
        token = page.next_page_token
        if not token:
            break
    equal(ids, [ODD, HIGH, GREATEST])
    print("lists documents page by page, in the order of their unsigned ids")


def delete(documents):
    documents.DeleteDocument(docs.DeleteDocumentRequest(database=DATABASE, id=GREATEST))
    info = refusal(lambda: get(documents, GREATEST), grpc.StatusCode.NOT_FOUND)
    equal((info.domain, info.reason), ("docdb", "DOCUMENT_NOT_FOUND"))
    equal(dict(info.metadata), {"collection": "_default", "id": str(GREATEST)})
    print("deletes a document, and reads the ErrorInfo of the one that is gone")


def compact(operations):
    request = operations_pb2.CompactDatabaseRequest(database=DATABASE)
    phases = [progress.phase for progress in operations.CompactDatabase(request)]
    equal(phases[-1], operations_pb2.COMPACTION_PHASE_DONE)
    print("reads the stream of a compaction to its end")


def get(documents, id):
    return documents.GetDocument(docs.GetDocumentRequest(database=DATABASE, id=id)).document


def refusal(call, code):
    """The ErrorInfo of a call that has to fail with this code."""
    try:
        call()
    except grpc.RpcError as error:
        equal(error.code(), code)
        details = dict(error.trailing_metadata())["grpc-status-details-bin"]
        return info_of(status_pb2.Status.FromString(details))
    raise AssertionError(f"the call succeeded, and had to fail with {code}")


def info_of(status):
    """The ErrorInfo in a google.rpc.Status."""
    info = error_details_pb2.ErrorInfo()
    for detail in status.details:
        if detail.Unpack(info):
            return info
    raise AssertionError(f"no ErrorInfo in {status}")


def equal(found, wanted):
    if found != wanted:
        raise AssertionError(f"found {found!r}, wanted {wanted!r}")


main(sys.argv[1])
