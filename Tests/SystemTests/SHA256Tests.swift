import Foundation
import System
import Testing

struct SHA256Tests {
    /// The examples of FIPS 180-4 and of NIST's test vectors for byte-oriented messages.
    static let vectors: [(String, String)] = [
        ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
        ),
        (
            "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmn"
                + "hijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
            "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"
        ),
    ]

    @Test(arguments: vectors)
    func digestsArePublishedOnes(message: String, digest: String) {
        #expect(SHA256(of: message).hexadecimal == digest)
    }

    @Test func aMillionLettersGiveTheStandardsDigest() {
        var hash = SHA256()
        for _ in 0..<1000 { hash.update([UInt8](repeating: UInt8(ascii: "a"), count: 1000)) }
        #expect(
            hash.hexadecimal
                == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0")
    }

    @Test func piecesOfAnySizeGiveTheSameDigest() {
        let message = (0..<1000).map { UInt8(truncatingIfNeeded: $0 * 7) }
        let whole = SHA256(of: message)
        for size in [1, 3, 55, 56, 63, 64, 65, 127, 128, 129, 999] {
            var hash = SHA256()
            for start in stride(from: 0, to: message.count, by: size) {
                hash.update(Array(message[start..<min(start + size, message.count)]))
            }
            #expect(hash.digest == whole.digest, "pieces of \(size)")
        }
    }

    /// The CPU's instructions, if there are any, against the portable code.
    @Test func instructionsGiveWhatPlainCodeGives() {
        let blocks = (0..<64 * 33).map { UInt8(truncatingIfNeeded: $0 * $0 >> 3) }
        for count in [1, 2, 33] {
            var (one, other): ([UInt32], [UInt32]) = (Array(1...8), Array(1...8))
            sha256_blocks(&one, blocks, count)
            sha256_blocks_plain(&other, blocks, count)
            #expect(one == other, "\(count) blocks")
        }
    }

    @Test func askingForADigestDoesNotEndTheMessage() {
        var hash = SHA256()
        hash.update(Array("ab".utf8))
        _ = hash.digest
        hash.update(Array("c".utf8))
        #expect(hash.hexadecimal.hasPrefix("ba7816bf"))
    }
}
