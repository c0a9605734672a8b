"""Checks an envelope as somebody who does not trust rok would: with public
libraries only. Arguments: a public key in PEM, an envelope, and the type that
the predicate must have. Exits 0 and prints the predicate's type, or 1 and says
why not."""

import hashlib
import json
import sys

from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_public_key,
)
from google.protobuf import json_format
from in_toto_attestation.predicates.provenance.v1 import provenance_pb2
from in_toto_attestation.v1 import statement_pb2
from in_toto_attestation.v1.statement import Statement
from securesystemslib.dsse import Envelope
from securesystemslib.signer import SSlibKey

SLSA = "https://slsa.dev/provenance/v1"


def main(key_file, envelope_file, predicate_type):
    with open(key_file, "rb") as file:
        public = load_pem_public_key(file.read())
    der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    key = SSlibKey.from_crypto(public, keyid=hashlib.sha256(der).hexdigest())

    with open(envelope_file, "rb") as file:
        envelope = Envelope.from_dict(json.load(file))
    if envelope.payload_type != "application/vnd.in-toto+json":
        raise ValueError(f"payload type {envelope.payload_type}")
    envelope.verify([key], threshold=1)

    # Unknown fields of a Statement are refused by the parser.
    parsed = json_format.Parse(envelope.payload, statement_pb2.Statement())
    statement = Statement.copy_from_pb(parsed)
    statement.validate()
    if statement.pb.predicate_type != predicate_type:
        raise ValueError(f"predicate type {statement.pb.predicate_type}")
    if predicate_type == SLSA:
        predicate = json.loads(envelope.payload)["predicate"]
        provenance = json_format.ParseDict(predicate, provenance_pb2.Provenance())
        if not provenance.build_definition.build_type or not provenance.run_details.builder.id:
            raise ValueError("provenance without a build type or a builder")
    print(predicate_type)


try:
    main(*sys.argv[1:])
except Exception as error:  # noqa: BLE001 - any refusal is an answer
    print(f"{type(error).__name__}: {error}", file=sys.stderr)
    sys.exit(1)
