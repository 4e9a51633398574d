// The genres that ID3 names by numbers.

/// References to genres. Reference: ID3 tag versions 1 (A.3), 2.3 (4.2.1, TCON) and 2.4 (4.2.3, TCON), id3.org.
enum ID3Genre {
    /// The 80 names of version 1 and those that Winamp has added, separated by commas.
    private static let table = """
        Blues,Classic Rock,Country,Dance,Disco,Funk,Grunge,Hip-Hop,Jazz,Metal,New Age,Oldies,Other,\
        Pop,R&B,Rap,Reggae,Rock,Techno,Industrial,Alternative,Ska,Death Metal,Pranks,Soundtrack,\
        Euro-Techno,Ambient,Trip-Hop,Vocal,Jazz+Funk,Fusion,Trance,Classical,Instrumental,Acid,\
        House,Game,Sound Clip,Gospel,Noise,AlternRock,Bass,Soul,Punk,Space,Meditative,\
        Instrumental Pop,Instrumental Rock,Ethnic,Gothic,Darkwave,Techno-Industrial,Electronic,\
        Pop-Folk,Eurodance,Dream,Southern Rock,Comedy,Cult,Gangsta,Top 40,Christian Rap,Pop/Funk,\
        Jungle,Native American,Cabaret,New Wave,Psychedelic,Rave,Showtunes,Trailer,Lo-Fi,Tribal,\
        Acid Punk,Acid Jazz,Polka,Retro,Musical,Rock & Roll,Hard Rock,Folk,Folk-Rock,National Folk,\
        Swing,Fast Fusion,Bebop,Latin,Revival,Celtic,Bluegrass,Avantgarde,Gothic Rock,\
        Progressive Rock,Psychedelic Rock,Symphonic Rock,Slow Rock,Big Band,Chorus,Easy Listening,\
        Acoustic,Humour,Speech,Chanson,Opera,Chamber Music,Sonata,Symphony,Booty Bass,Primus,\
        Porn Groove,Satire,Slow Jam,Club,Tango,Samba,Folklore,Ballad,Power Ballad,Rhythmic Soul,\
        Freestyle,Duet,Punk Rock,Drum Solo,A Cappella,Euro-House,Dance Hall,Goa,Drum & Bass,\
        Club-House,Hardcore Techno,Terror,Indie,BritPop,Afro-Punk,Polsk Punk,Beat,\
        Christian Gangsta Rap,Heavy Metal,Black Metal,Crossover,Contemporary Christian,\
        Christian Rock,Merengue,Salsa,Thrash Metal,Anime,Jpop,Synthpop,Abstract,Art Rock,Baroque,\
        Bhangra,Big Beat,Breakbeat,Chillout,Downtempo,Dub,EBM,Eclectic,Electro,Electroclash,Emo,\
        Experimental,Garage,Global,IDM,Illbient,Industro-Goth,Jam Band,Krautrock,Leftfield,Lounge,\
        Math Rock,New Romantic,Nu-Breakz,Post-Punk,Post-Rock,Psytrance,Shoegaze,Space Rock,\
        Trop Rock,World Music,Neoclassical,Audiobook,Audio Theatre,Neue Deutsche Welle,Podcast,\
        Indie Rock,G-Funk,Dubstep,Garage Rock,Psybient
        """.split(separator: ",").map(String.init)

    /// The name of a number, or of RX or CR; nil for other texts.
    static func name(_ text: some StringProtocol) -> String? {
        if let number = Int(text) { return table.indices.contains(number) ? table[number] : nil }
        return text == "RX" ? "Remix" : text == "CR" ? "Cover" : nil
    }

    /// The genres in a text of a frame: a number, or numbers in parentheses and a name that refines them.
    static func names(_ text: String, _ version: UInt8) -> [String] {
        var (names, rest) = ([String](), text[...])
        while let match = rest.prefixMatch(of: /\(([0-9]{1,3}|RX|CR)\) */),
            let name = name(match.1),
            names.count < AudioTags.mostValues
        {
            names.append(name)
            rest = rest[match.range.upperBound...]
        }
        // Two parentheses stand for one that begins a name.
        if version < 4, rest.hasPrefix("((") { rest.removeFirst() }
        return names + [name(rest) ?? String(rest)]
    }
}
