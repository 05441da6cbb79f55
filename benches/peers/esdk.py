"""The AWS Encryption SDK over whole files, streamed with a raw AES keyring: for `make bench-peers`.

    esdk.py encrypt|decrypt IN OUT

The key is in the working folder's esdk.key, made at the first run.
"""

import os
import sys
from pathlib import Path

import aws_encryption_sdk
from aws_cryptographic_material_providers.mpl import AwsCryptographicMaterialProviders
from aws_cryptographic_material_providers.mpl.config import MaterialProvidersConfig
from aws_cryptographic_material_providers.mpl.models import AesWrappingAlg, CreateRawAesKeyringInput

KEY = Path("esdk.key")
# Larger frames than the 4 KiB default: the SDK at its fastest.
FRAME = 1 << 20


def main() -> None:
    direction, source, target = sys.argv[1:]
    if not KEY.exists():
        KEY.write_bytes(os.urandom(32))
    providers = AwsCryptographicMaterialProviders(config=MaterialProvidersConfig())
    keyring = providers.create_raw_aes_keyring(
        CreateRawAesKeyringInput(
            key_namespace="bench",
            key_name="bench",
            wrapping_key=KEY.read_bytes(),
            wrapping_alg=AesWrappingAlg.ALG_AES256_GCM_IV12_TAG16,
        )
    )
    # Without signatures, which Keyfold has not either.
    client = aws_encryption_sdk.EncryptionSDKClient()
    mode = "e" if direction == "encrypt" else "d"
    more = {"frame_length": FRAME, "algorithm": aws_encryption_sdk.Algorithm.AES_256_GCM_HKDF_SHA512_COMMIT_KEY}
    with open(source, "rb") as plain, open(target, "wb") as out:
        options = more if mode == "e" else {}
        with client.stream(mode=mode, source=plain, keyring=keyring, **options) as stream:
            while chunk := stream.read(FRAME):
                out.write(chunk)


if __name__ == "__main__":
    main()
