import System
import Testing

/// The rules of RFC 8259, section 7.
struct JSONTextTests {
    @Test func quotationMarksAndBackslashesAreEscaped() {
        #expect(#"a "b" \c"#.quotedAsJSON == #""a \"b\" \\c""#)
    }

    @Test func controlCharactersBecomeFourDigits() {
        #expect("\n\u{1F}\u{7F}".quotedAsJSON == #""\u000a\u001f\u007f""#)
    }

    @Test func otherTextStaysAsItIs() {
        #expect("Größe 🎵/".quotedAsJSON == "\"Größe 🎵/\"")
    }
}
