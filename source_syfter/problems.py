"""Every error as a value: code, kind, cause, remedy. What an HTTP status means stands in the manifest's filters instead.

Code decides by `SyfterError.code` and by types, never by words: a message may quote what the instance says.
docs/errors.md is made from `ALL` and the filters.
"""

from __future__ import annotations

from dataclasses import dataclass

from airbyte_cdk.models import FailureType
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

CONFIG, TRANSIENT = FailureType.config_error, FailureType.transient_error


class SyfterError(AirbyteTracedException):
    """An error of the connector. `code`: its kind, for code and docs; `message`: for people."""

    def __init__(self, code: str, kind: FailureType, text: str, said: str = "") -> None:
        """`text`: the cause and the remedy. `said`: the instance's own words, which decide nothing."""
        # Half a surrogate pair, of a path or of what an instance says, cannot be printed.
        message = " ".join(filter(None, [text, f"[{code}]", said])).encode("utf-8", "backslashreplace").decode()
        super().__init__(message=message, internal_message=message, failure_type=kind)
        self.code = code

    @property
    def text(self) -> str:
        """The message, which is always there."""
        return str(self)


@dataclass(frozen=True)
class Problem:
    """A kind of error. `cause` and `remedy` hold the names of facts in braces; facts are never secrets nor records.

    `kind`: a config error is the user's to change; a transient error passes, or is the instance's to change.
    """

    code: str
    kind: FailureType
    cause: str
    remedy: str

    def __call__(self, said: str = "", /, **facts: object) -> SyfterError:
        """The error with these facts. `said`: the instance's own words."""
        return SyfterError(self.code, self.kind, self.text(**facts), said)

    def text(self, **facts: object) -> str:
        """The cause and the remedy in words, without the code."""
        return f"{self.cause}. {self.remedy}".format(**facts)


# fmt: off
# --- files and output -------------------------------------------------------------------------------------------------------

UNREADABLE_FILE = Problem("unreadable-file", CONFIG, "{option}: {path} cannot be read: {reason}", "Check the path.")
WRONG_FILE = Problem("unreadable-file", CONFIG,
    "{option}: {path} does not hold {what} as JSON",
    "Check that it is the right file.")
UNWRITABLE_OUTPUT = Problem("unwritable-output", CONFIG, "The output cannot be written: {reason}", "Make room for it.")
UNWRITABLE_FILE = Problem("unwritable-output", CONFIG, "{path} cannot be written: {reason}", "Make it and its folder writable.")

# --- configuration and state ------------------------------------------------------------------------------------------------

NO_OBJECT = Problem("invalid-config", CONFIG, "The configuration is not a JSON object", 'Write it as {{"credentials": ...}}.')
NO_DATE = Problem("invalid-config", CONFIG, '{field}: "{value}" is not a date', "Write it as 2024-01-31.")
FUTURE_START = Problem("invalid-config", CONFIG,
    "Start date (start_date): {date} lies in the future, so nothing would be read",
    "Enter an earlier one, or none for all records.")
NO_SCHEME = Problem("invalid-config", CONFIG, "{field} names no scheme", "Choose one of {choices}.")
MISSING = Problem("invalid-config", CONFIG, "{field} is missing", "Enter it.")
EMPTY = Problem("invalid-config", CONFIG, "{field} is empty", "Enter it.")
NO_MATCH = Problem("invalid-config", CONFIG, "{field} is not valid", "It should look like {example}.")
NO_CHOICE = Problem("invalid-config", CONFIG, "{field} is not among the choices", "Choose one of {choices}.")
OUT_OF_RANGE = Problem("invalid-config", CONFIG, "{field} is out of range", "Enter {range}.")
WRONG_TYPE = Problem("invalid-config", CONFIG, "{field} is of the wrong type", "Enter {type}.")
NO_ADDRESS = Problem("invalid-config", CONFIG,
    '{field}: "{value}" is no address',
    "It should look like https://instance.example.com.")
PLAIN_HTTP = Problem("invalid-config", CONFIG,
    "{field}: http sends credentials and data unencrypted",
    "Use https://, or set allow_insecure_http in a closed network.")
COLON = Problem("invalid-config", CONFIG, "{field} cannot hold a colon", "Check what was entered.")
UNSENDABLE = Problem("invalid-config", CONFIG,
    "{field} holds a character that cannot be sent, such as a line break",
    "Copy it again.")
STREAM_TWICE = Problem("invalid-catalog", CONFIG,
    '--catalog: the stream "{stream}" stands twice in the configured catalog',
    "Leave one of them out, or refresh the source schema of the connection.")
NAME_TWICE = Problem("invalid-config", CONFIG, 'Collections: the name "{name}" stands twice', "Choose another name.")
NAME_LOST = Problem("invalid-config", CONFIG,
    '{stream}: collections[].fields gives "{field}" another name, but as {name} it leads the sync',
    "Take it out of fields; its column is called {name}.")
INCOMPLETE_COLLECTION = Problem("invalid-config", CONFIG,
    'Collections: "{name}" is no stream of the connector, so it needs path and primary_key',
    "Enter them, or correct the name.")
HEADER_TWICE = Problem("invalid-config", CONFIG,
    'Additional headers: "{name}" is sent already',
    "Leave it out, or use the scheme under Authentication that sends it.")
PARAMETER_TWICE = Problem("invalid-config", CONFIG, 'Two parameters are called "{name}"', "Give each a name of its own.")
NOT_IN_BUNDLE = Problem("not-in-bundle", CONFIG,
    "{setting} cannot be said in stock parts",
    "Run the image or the package in place of the bundle, or leave the setting out.")
UNREADABLE_STATE = Problem("unreadable-state", CONFIG,
    "{stream}: the saved state cannot be read: {cursor_field} is not a moment",
    "Clear the data of this stream in the connection, so that it is read from the start.")
UNKNOWN_STATE = Problem("unreadable-state", CONFIG,
    "The saved state is of the kind {kind}, and not one of a stream",
    "Clear the data of the connection, so that it is read from the start.")

# --- no answer --------------------------------------------------------------------------------------------------------------

UNKNOWN_HOST = Problem("unknown-host", CONFIG,
    '{stream}: the host name "{host}" is not known',
    'Check "{field}" for a typing error; a private name needs the DNS server of its network.')
TLS = Problem("tls", CONFIG,
    '{stream}: no secure connection to "{host}" is possible: {detail}',
    "Check that the host is right, that it speaks TLS on this port and that its certificate is valid and trusted by the "
    "machine that runs the connector.")
CERTIFICATES = Problem("tls", CONFIG,
    "{stream}: the file of trusted certificates is not there, or holds none",
    "Check REQUESTS_CA_BUNDLE and CURL_CA_BUNDLE where the connector runs.")
MACHINE = Problem("machine", CONFIG,
    "{stream}: the machine refuses what the connector needs: {reason}",
    "Check the limits of the machine or the container (open files, processes, disk, memory) and the files that its settings "
    "name, such as SSLKEYLOGFILE.")
OUT_OF_MEMORY = Problem("machine", CONFIG,
    "{stream}: the memory does not suffice for a page of records",
    "Give the connector more memory, or set a smaller page size.")
PROXY = Problem("proxy", TRANSIENT,
    '{stream}: the proxy in front of "{host}" cannot be used',
    "Check HTTPS_PROXY, HTTP_PROXY and NO_PROXY where the connector runs.")
NOT_HTTP = Problem("connection-lost", TRANSIENT,
    '{stream}: "{host}" sent headers that contradict each other',
    "Try again later; if it persists, ask who runs the instance.")
INVALID_ADDRESS = Problem("invalid-address", CONFIG, '{stream}: "{host}" is not an address that can be asked', 'Check "{field}".')
REDIRECT_LOOP = Problem("redirected", CONFIG,
    '{stream}: "{host}" redirects in circles',
    "Check that the host is the address of the instance itself.")
INVALID_CREDENTIALS = Problem("invalid-credentials", CONFIG,
    "{stream}: the credentials hold a character that cannot be sent",
    "Enter them again without line breaks.")
REFUSED = Problem("refused", TRANSIENT,
    '{stream}: "{host}" refuses connections',
    "Check host and port; the instance may be down.")
UNREACHABLE = Problem("no-answer", TRANSIENT,
    '{stream}: "{host}" cannot be reached (no connection in time)',
    "Check the host and port, and that a firewall or an allow-list lets the connector through.")
NO_ANSWER = Problem("no-answer", TRANSIENT,
    '{stream}: "{host}" did not answer in time',
    "Try again later, or set a smaller page size.")
DAMAGED_BODY = Problem("connection-lost", TRANSIENT,
    '{stream}: "{host}" sent a body that cannot be decompressed',
    "Try again later.")
CUT_BODY = Problem("connection-lost", TRANSIENT,
    "{stream}: the body of the answer is cut off, and nothing says how long it should have been",
    "Try again later; if it persists, ask who runs the instance.")
CONNECTION_LOST = Problem("connection-lost", TRANSIENT,
    '{stream}: "{host}" closed the connection before the answer was complete',
    "Try again later.")

# --- answers ----------------------------------------------------------------------------------------------------------------

SLOW_BODY = Problem("no-answer", TRANSIENT,
    "{stream}: the answer was not complete after {seconds:.0f} seconds",
    "Try again later, or set a smaller page size.")
TOO_LARGE = Problem("too-large", CONFIG,
    "{stream}: the answer is larger than {mebibytes} MiB",
    "Set a smaller page size, and conventions.paging to how this instance pages.")
OUT_OF_TIME = Problem("no-answer", TRANSIENT,
    "The instance is too slow: a check ends before it has answered for one collection",
    "Try again later, or raise requests_per_minute if it is set; if it persists, ask who runs the instance.")
LONG_WAIT = Problem("long-wait", TRANSIENT,
    "{stream}: the instance asks to wait {seconds:.0f} seconds before the next request, longer than the {longest:.0f} "
    "seconds that this connector waits",
    "Try again after that time.")
REDIRECTED = Problem("redirected", CONFIG,
    "{stream}: the instance redirects to another address, {address}",
    'Credentials are not sent there. Set "Host" to the address of the instance itself; a sign-in page in front of it '
    'needs the scheme that its gateway asks for under "Authentication".')
UNKNOWN_STATUS = Problem("request-refused", CONFIG, "{stream}: the instance answered with status {status}", "Check the host.")
UNKNOWN_FAILURE = Problem("request-refused", TRANSIENT, "{stream}: the instance answered with status {status}", "Check the host.")
NOT_JSON = Problem("not-json", CONFIG,
    "{stream}: the instance answered with {what} instead of JSON",
    "Check that the host is the address of the instance itself and not of a sign-in or status page, and that the path "
    "prefix (conventions.path_prefix) is right; records are expected under conventions.records_path. If lists end so after their "
    "last page, set conventions.end_of_list to not_found.")
UNKNOWN_ENVELOPE = Problem("unknown-envelope", CONFIG,
    "{stream}: no array of records {where} in the answer{shape}",
    'Set conventions.records_path to the path of the records ("." if the body itself is the array). If lists end so after their '
    "last page, set conventions.end_of_list to not_found.")
NO_SUCH_PAGE = Problem("collection-missing", CONFIG,
    "{stream}: the instance has no such page of this collection (404), though it gave others",
    "Set conventions.end_of_list to not_found if its lists end so. Deselect the stream in the connection if the instance does "
    "not have it any more; if every stream says this, set the path prefix (conventions.path_prefix).")
ERROR_BESIDE_LIST = Problem("error-beside-list", CONFIG,
    "{stream}: the instance gives an empty list and says beside it that there was an error",
    "Ask who runs the instance what it means; if it names a parameter, rename or empty that under API conventions.")
NO_KEY = Problem("no-key", CONFIG,
    '{stream}: no record of the page has the key "{field}"',
    "Set conventions.id_field to the records' own name for it, or primary_key of this stream under collections (none, if there "
    "is none).")
NO_LAST_FIELD = Problem("no-token", CONFIG,
    '{stream}: the last record of the page has no "{field}"',
    "Set conventions.last_record_field to the field that leads to the next page.")
NEXT_ELSEWHERE = Problem("redirected", CONFIG,
    "{stream}: the address of the next page leads to another origin, {address}",
    'Credentials are not sent there. Set "Host" to the origin that the instance itself names.')
OTHER_EPOCH = Problem("timestamp-format", CONFIG,
    '{stream}: the numbers in "{field}" are no moments between 1990 and 2100 as conventions.timestamp_format ({form}) reads '
    "them, but are as {other}",
    "Set conventions.timestamp_format to {other}.")
REPEATED_PAGE = Problem("repeated-page", CONFIG,
    "{stream}: the instance gives the same page of {count} records again and again, so it ignores the paging parameter or "
    "repeats its last page",
    "Set conventions.paging (and the parameter's name) to how this instance pages; \"none\" if it gives everything at "
    "once; conventions.end_of_list to repeated if the last page comes again past the end.")
UNSTABLE_ORDER = Problem("unstable-order", CONFIG,
    "{stream}: pages do not continue one another, so records would be missed: the instance lists in no stable order, or it does "
    "not count its offset in records",
    "Set conventions.paging (and the parameter's name) to how this instance pages, or a page size that takes the whole list; or "
    "ask who runs the instance to sort its lists.")
INCOMPLETE_LIST = Problem("incomplete-list", TRANSIENT,
    "{stream}: the list ends after {count} records, and the instance says that it holds {total}",
    "Try again; if it persists, set conventions.paging to how this instance pages, or conventions.total_path to none if the "
    "number counts something else.")
REPEATED_TOKEN = Problem("repeated-page", CONFIG,
    '{stream}: the token at "{path}" does not lead to a next page',
    "Set conventions.cursor_path and conventions.cursor_parameter to how this instance pages, or another "
    "conventions.paging; conventions.end_of_list to repeated if its last page has a token, too.")
NO_PLACE_FOR_TOKEN = Problem("first-page-only", CONFIG,
    '{stream}: its {count} records are a plain array, which looks like a first page and has no place for what leads on under '
    '"{path}"',
    "Read this collection by a source of its own: set conventions.paging there to how its list goes on, or to none if it comes "
    "whole; deselect it here.")

# --- the token endpoint -----------------------------------------------------------------------------------------------------

TOKEN_UNAVAILABLE = Problem("token-unavailable", TRANSIENT,
    "Authentication: the token URL failed with status {status}",
    "Try again later; if it persists, ask who runs the identity provider.")
TOKEN_REDIRECTED = Problem("redirected", CONFIG,
    "Authentication: the token URL redirects to {address}",
    "The client secret is not sent there. Set the token URL to the endpoint itself.")
CLIENT_REFUSED = Problem("token-refused", CONFIG,
    "Authentication: the token URL refused the client ({status})",
    "Check client id, client secret, scopes and token URL.")
TOKEN_NOT_JSON = Problem("token-refused", CONFIG,
    "Authentication: the token URL did not answer with JSON",
    "Check that it is the token endpoint of the identity provider.")
TOKEN_SLOW = Problem("no-answer", TRANSIENT,
    "Authentication: the answer of the token URL was not complete after {seconds:.0f} seconds",
    "Try again later; if it persists, ask who runs the identity provider.")
TOKEN_TOO_LARGE = Problem("token-refused", CONFIG,
    "Authentication: the answer of the token URL is larger than {mebibytes} MiB",
    "Check that it is the token endpoint of the identity provider.")
NO_TOKEN = Problem("token-refused", CONFIG,
    "Authentication: the token URL answered without an access token that can be sent",
    "Check that it is the token endpoint of the identity provider.")

# --- a read, a check or a probe as a whole ----------------------------------------------------------------------------------

STREAMS_FAILED = Problem("streams-failed", CONFIG, "These streams did not sync completely: {streams}", "Each has said why above.")
UNKNOWN_STREAMS = Problem("unknown-streams", CONFIG,
    "These streams do not exist (any more): {streams}",
    "Refresh the source schema of the connection.")
WRONG_PREFIX = Problem("wrong-prefix", CONFIG,
    "{address} has none of the collections: all {count} answer 404, so the path prefix or the host is wrong",
    'Set the path prefix under "API conventions" (conventions.path_prefix) to what stands between host and collection.')
NOTHING_PERMITTED = Problem("not-permitted", CONFIG,
    "The credentials are good, but may not read any of the {count} collections of {address} (403)",
    "Ask an administrator of the instance for the right to read them.")
NOTHING_FOUND = Problem("wrong-prefix", CONFIG,
    "Nothing of the API was found at {host}, under none of the usual path prefixes",
    "Check the host; the vendor's page, or who runs the gateway, says which path leads to the API: tell it with "
    "--set conventions.path_prefix=PATH.")
SLOW_DISCOVERY = Problem("discovery-ended", TRANSIENT,
    "The instance is slow: what its records hold was not known after {seconds:.0f} seconds",
    "Try again later; without \"Discover fields\" (discover_fields), the fields are those that the connector assumes.")
NO_PROPOSAL = Problem("invalid-config", CONFIG,
    '--accept: no new name is proposed for "{name}"',
    "There are proposals for: {names}.")
TOO_MANY_REQUESTS = Problem("probe-ended", TRANSIENT,
    "The probe stopped after {count} requests, its bound",
    "What it found until then is listed.")
TOO_SLOW = Problem("probe-ended", TRANSIENT,
    "The instance is slow: the probe stopped after {seconds:.0f} seconds",
    "Try again later.")

# fmt: on

ALL = [value for value in globals().values() if isinstance(value, Problem)]
