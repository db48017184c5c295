// A certificate for 127.0.0.1 that a test makes for itself: DER (X.690) by hand, because Node can sign but makes none.
import { generateKeyPairSync, sign } from "node:crypto";

/** What `tls.createServer` takes; clients trust it with `ca: cert`. */
export interface SelfSigned {
  readonly key: string;
  readonly cert: string;
}

const SEQUENCE = 0x30;
const ECDSA_WITH_SHA256 = tlv(SEQUENCE, oid([0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02]));
/** Subject alternative name: the address 127.0.0.1. */
const ADDRESS = tlv(SEQUENCE, tlv(0x87, Buffer.from([127, 0, 0, 1])));

/** Valid from 2020 to 2049. */
export function selfSigned(): SelfSigned {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const name = tlv(
    SEQUENCE,
    tlv(0x31, tlv(SEQUENCE, oid([0x55, 0x04, 0x03]), tlv(0x0c, Buffer.from("test")))),
  );
  const validity = tlv(
    SEQUENCE,
    tlv(0x17, Buffer.from("200101000000Z")),
    tlv(0x17, Buffer.from("491231235959Z")),
  );
  const alternative = tlv(SEQUENCE, oid([0x55, 0x1d, 0x11]), tlv(0x04, ADDRESS));
  const content = tlv(
    SEQUENCE,
    tlv(0xa0, tlv(0x02, Buffer.from([2]))),
    tlv(0x02, Buffer.from([1])),
    ECDSA_WITH_SHA256,
    name,
    validity,
    name,
    publicKey.export({ type: "spki", format: "der" }),
    tlv(0xa3, tlv(SEQUENCE, alternative)),
  );
  const signature = tlv(0x03, Buffer.from([0]), sign("sha256", content, privateKey));
  const der = tlv(SEQUENCE, content, ECDSA_WITH_SHA256, signature);
  const lines = der.toString("base64").replace(/.{64}/g, "$&\n");
  return {
    key: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    cert: `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`,
  };
}

function oid(bytes: readonly number[]): Buffer {
  return tlv(0x06, Buffer.from(bytes));
}

/** Tag, length, value. */
function tlv(tag: number, ...parts: readonly Buffer[]): Buffer {
  const value = Buffer.concat(parts);
  const { length } = value;
  const size =
    length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), value]);
}
