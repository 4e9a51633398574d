import Audio
import Foundation
import TestSupport
import Testing

/// The formats that the installed ffmpeg reads for us, and those that it must not read.
@Suite(.enabled(if: FFmpeg.onPath != nil, "needs ffmpeg"))
struct FFmpegInputTests {
    private let folder = TemporaryFolder()
    private let ffmpeg: FFmpeg

    init() throws {
        ffmpeg = try #require(FFmpeg.onPath)
        let writer = try AudioWriter(.file(folder.path("tone.wav")))
        try writer.append(PlanarAudio(TestSignal.tone(samples: 44_100)))
        try writer.finish()
    }

    /// Runs the ffmpeg command in the folder, which has a second of a tone in `tone.wav`.
    private func run(_ arguments: [String]) throws -> (succeeded: Bool, output: String) {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments =
            ["ffmpeg", "-nostdin", "-hide_banner", "-loglevel", "fatal"] + arguments
        process.currentDirectoryURL = folder.url
        let pipe = Pipe()
        process.standardOutput = pipe
        try process.run()
        let output = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return (process.terminationStatus == 0, String(decoding: output, as: UTF8.self))
    }

    private func convert(_ arguments: String) throws -> Bool {
        try run(arguments.split(separator: " ").map(String.init)).succeeded
    }

    private func read(_ path: String) throws -> PlanarAudio {
        try AudioFile.read(AudioInput(path: path, ffmpeg: ffmpeg)).buffer
    }

    /// Packets that state their times; those of ASF are rounded to milliseconds.
    @Test(arguments: ["wmav2 -f asf", "flac -f ogg", "aac -f mp4"])
    func damageBringsNothingForward(_ format: String) throws {
        let track = Fixture.bundledModels.appendingPathComponent("demo_track.ogg").path
        #expect(try convert("-i \(track) -t 8 -c:a \(format) whole"))
        let whole = try read(folder.path("whole"))
        var data = try Data(contentsOf: URL(fileURLWithPath: folder.path("whole")))
        let middle = data.count * 45 / 100
        data.replaceSubrange(middle..<middle + 5_000, with: Data(repeating: 0x55, count: 5_000))
        let damaged = try AudioFile.read(
            AudioInput(path: folder.write(data, "damaged"), ffmpeg: ffmpeg))
        #expect((0..<64).contains(damaged.buffer.sampleCount - whole.sampleCount))
        #expect(damaged.warnings.first?.description.contains("is damaged") == true)
    }

    // MARK: - References to other files

    /// A file that refers to another one.
    struct Playlist: Sendable, CustomTestStringConvertible {
        let demuxer: String
        /// The content for an address.
        let text: @Sendable (_ address: String) -> String

        var testDescription: String { demuxer }

        static let all = [
            Playlist(demuxer: "hls") {
                """
                #EXTM3U
                #EXT-X-VERSION:3
                #EXT-X-TARGETDURATION:1
                #EXT-X-MEDIA-SEQUENCE:0
                #EXTINF:1.0,
                \($0)
                #EXT-X-ENDLIST

                """
            },
            // A list of lists, and a key and a map in files of their own.
            Playlist(demuxer: "hls") {
                "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n\($0)\n"
            },
            Playlist(demuxer: "hls") {
                """
                #EXTM3U
                #EXT-X-TARGETDURATION:5
                #EXT-X-KEY:METHOD=AES-128,URI="\($0)"
                #EXT-X-MAP:URI="\($0)"
                #EXTINF:5,
                \($0)
                #EXT-X-ENDLIST

                """
            },
            Playlist(demuxer: "dash") {
                """
                <?xml version="1.0"?>
                <MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"
                 profiles="urn:mpeg:dash:profile:isoff-on-demand:2011"
                 mediaPresentationDuration="PT1S" minBufferTime="PT1S"><Period>
                <AdaptationSet contentType="audio" mimeType="audio/mp4">
                <Representation id="0" bandwidth="1000"><BaseURL>\($0)</BaseURL>
                <SegmentBase></SegmentBase></Representation></AdaptationSet></Period></MPD>
                """
            },
            Playlist(demuxer: "concat") { "ffconcat version 1.0\nfile '\($0)'\n" },
            Playlist(demuxer: "imf") {
                """
                <?xml version="1.0"?><CompositionPlaylist><ContentTitle>a</ContentTitle>
                <Id>\($0)</Id></CompositionPlaylist>
                """
            },
            Playlist(demuxer: "vobsub") { "# VobSub index file, v7\n# \($0)\n" },
            Playlist(demuxer: "mlv") { "MLVI\u{34}\0\0\0v2.0\0\0\0\0\($0)" },
            Playlist(demuxer: "sdp") {
                "v=0\nc=IN IP4 127.0.0.1\nt=0 0\na=control:\($0)\nm=audio 1 RTP/AVP 0\n"
            },
        ]
    }

    @Test(arguments: Playlist.all)
    func aPlaylistReadsNoOtherFile(_ playlist: Playlist) throws {
        #expect(Demuxers.following.contains(playlist.demuxer))
        #expect(try convert("-i tone.wav victim.m4a"))
        let victim = folder.path("victim.m4a")
        _ = try read(victim)
        // Opening a FIFO that nobody writes to waits for ever.
        #expect(mkfifo(folder.path("fifo.m4a"), 0o600) == 0)
        for address in [victim, "file:\(victim)", folder.path("fifo.m4a")] {
            let path = try folder.write(Data(playlist.text(address).utf8), "song.mp3")
            let error = #expect(throws: AudioError.self, "\(address)") { try read(path) }
            // Without an option, ffmpeg 5.1 recognises no IMF.
            let reason =
                playlist.demuxer == "imf"
                ? "Invalid data found when processing input"
                : "not one of the formats that it may read"
            #expect(error?.description.contains("ffmpeg: \(reason)") == true, "\(address)")
        }
    }

    /// A QuickTime file may state that its samples are in another file (`dref`).
    @Test func externalSamplesOfAMovieAreNotRead() throws {
        #expect(try convert("-i tone.wav -c:a pcm_s16be victim.mov"))
        #expect(try read(folder.path("victim.mov")).peak > 0.4)
        var movie = [UInt8](try folder.data("victim.mov"))
        // The file without its own samples, and with the reference.
        let data = try #require(movie.firstRange(of: "mdat".utf8))
        let index = try #require(movie.firstRange(of: "moov".utf8))
        #expect(data.lowerBound < index.lowerBound)
        for byte in data.upperBound..<index.lowerBound - 4 { movie[byte] = 0 }
        let reference = Self.alias(folder.path("victim.mov"))
        let dref = try #require(movie.firstRange(of: "dref".utf8)).lowerBound - 4
        let oldBytes = movie[dref..<dref + 4].reduce(0) { $0 << 8 | Int($1) }
        let box = Self.box("dref", [0, 0, 0, 0, 0, 0, 0, 1] + reference)
        movie.replaceSubrange(dref..<dref + oldBytes, with: box)
        for parent in ["moov", "trak", "mdia", "minf", "dinf"] {
            let start =
                try #require(
                    movie[..<dref].indices.last { movie[$0...].starts(with: parent.utf8) }) - 4
            let bytes = movie[start..<start + 4].reduce(0) { $0 << 8 | Int($1) }
            movie.replaceSubrange(
                start..<start + 4, with: Self.bigEndian(bytes + box.count - oldBytes, 4))
        }
        let path = try folder.write(Data(movie), "song.mov")
        #expect(throws: AudioError.nothingDecodable(path: path, reason: nil)) { try read(path) }
        // The reference is a working one: ffmpeg follows it if both options are given.
        #expect(
            try convert("-enable_drefs 1 -use_absolute_path 1 -i song.mov out.wav"))
        #expect(try read(folder.path("out.wav")).peak > 0.4)
    }

    /// A reference to a file by its absolute path, as a Macintosh alias record.
    private static func alias(_ path: String) -> [UInt8] {
        var path = Array(path.utf8)
        if path.count % 2 == 1 { path.append(0) }
        let head = [UInt8](repeating: 0, count: 4 + 10 + 1 + 27 + 12 + 1 + 63 + 16 + 4 + 16)
        let tagged: [UInt8] = path + [0xFF, 0xFF, 0, 0]
        return box("alis", head + bigEndian(2, 2) + bigEndian(path.count, 2) + tagged)
    }

    private static func box(_ type: String, _ content: [UInt8]) -> [UInt8] {
        bigEndian(8 + content.count, 4) + type.utf8 + content
    }

    private static func bigEndian(_ number: Int, _ bytes: Int) -> [UInt8] {
        (0..<bytes).reversed().map { UInt8(truncatingIfNeeded: number >> (8 * $0)) }
    }

    // MARK: - The list

    /// Formats that people have music in.
    @Test(arguments: [
        "aac -f adts", "aac -f mp4", "alac -f ipod", "aac -f mov", "pcm_s16be -f mov",
        "alac -f caf", "flac -f matroska", "libopus -f webm", "libvorbis -f matroska",
        "wmav2 -f asf", "mp3 -f avi", "ac3 -f avi", "aac -f flv", "aac -f mpegts", "mp2 -f mpeg",
        "mp2 -f vob", "ac3 -f ac3", "eac3 -f eac3", "dca -strict -2 -f dts", "tta -f tta",
        "wavpack -f wv", "speex -f ogg", "flac -f ogg", "adpcm_ima_wav -f wav",
        "mlp -strict -2 -f mlp",
        "truehd -strict -2 -f truehd", "pcm_s24le -f w64", "aac -f latm",
    ])
    func formatsOfMusicAreDecoded(_ coder: String) throws {
        let rate = coder.hasPrefix("speex") ? 32_000 : 48_000
        try #require(try convert("-i tone.wav -ac 2 -ar \(rate) -c:a \(coder) song"))
        let audio = try read(folder.path("song"))
        #expect(audio.channelCount == 2)
        #expect(abs(Double(audio.sampleCount) / Double(audio.sampleRateHz) - 1) < 0.2)
        #expect(audio.peak > 0.3)
    }

    /// Frames of ADTS have up to 8,191 bytes.
    @Test func largeFramesAreInOrder() throws {
        let noise = (0..<6).map { "random(\($0))" }.joined(separator: "|")
        #expect(
            try convert(
                "-f lavfi -i aevalsrc=\(noise):c=5.1:d=1 -c:a aac -b:a 1500k -f adts song"))
        let audio = try AudioFile.read(AudioInput(path: folder.path("song"), ffmpeg: ffmpeg))
        #expect(audio.warnings == [])
        // The coder's delay, and the rest of its last frame.
        #expect((44_100..<44_100 + 3 * 1_024).contains(audio.buffer.sampleCount))
    }

    /// Each demuxer of the installed ffmpeg is known to the lists below. A new one belongs to
    /// `Demuxers.following` if its source calls `io_open`, `avformat_open_input` or `ffurl_…`,
    /// or to `Demuxers.others`. Only after that may it be added to `FFmpeg.demuxers`.
    @Test func everyDemuxerIsClassified() throws {
        let lines = try run(["-demuxers"]).output.split(separator: "\n")
        let names = lines.compactMap { line -> Substring? in
            let words: [Substring] = line.split(separator: " ")
            guard words.count > 1, words[0].hasPrefix("D"), words[1] != "=" else { return nil }
            return words[1].split(separator: ",").first
        }
        #expect(names.count > 20)
        let known = Demuxers.following.union(Demuxers.devices).union(Demuxers.others)
        let unknown = Set(names.map { String($0) }).subtracting(known)
        #expect(unknown.isEmpty, "\(unknown)")
    }

    @Test func onlyOrdinaryDemuxersAreUsed() {
        // `externalSamplesOfAMovieAreNotRead` is about `mov`.
        let unsafe = Demuxers.following.union(Demuxers.devices).subtracting(["mov"])
        #expect(unsafe.intersection(FFmpeg.demuxers) == [])
        #expect(Set(FFmpeg.demuxers).subtracting(Demuxers.others) == ["mov"])
    }
}

/// The demuxers of ffmpeg 5.1 to 8.0, sorted by what they open.
private enum Demuxers {
    /// These open further files, addresses or scripts that their content or name states.
    static let following = set(
        """
        avisynth concat dash dvdvideo hls image2 imf lavfi mlv mov rtp rtsp sap sdp vapoursynth
        vobsub webm_dash_manifest
        """)

    /// These record from a device.
    static let devices = set(
        """
        alsa android_camera avfoundation bktr decklink dshow fbdev gdigrab iec61883 jack kmsgrab
        libcdio libdc1394 openal oss pulse sndio v4l2 vfwcap video4linux2 x11grab xcbgrab
        """)

    /// These read the bytes of their own file.
    static let others = set(
        """
        3dostr 4xm aa aac aax ac3 ac4 ace acm act adf adp ads adx aea afc aiff aix alaw
        alias_pix alp amr amrnb amrwb anm apac apc ape apm apng aptx aptx_hd apv aqtitle
        argo_asf argo_brp argo_cvg asf asf_o ass ast au av1 avi avr avs avs2 avs3 bethsoftvid
        bfi bfstm bin bink binka bit bitpacked bmp_pipe bmv boa bonk brender_pix brstm c93 caf
        cavsvideo cdg cdxl cine codec2 codec2raw cri_pipe data daud dcstr dds_pipe derf dfa
        dfpwm dhav dirac dnxhd dpx_pipe dsf dsicin dss dts dtshd dv dvbsub dvbtxt dxa ea
        ea_cdata eac3 epaf evc exr_pipe f32be f32le f64be f64le ffmetadata film_cpk filmstrip
        fits flac flic flv frm fsb fwse g722 g723_1 g726 g726le g729 gdv gem_pipe genh gif
        gif_pipe gsm gxf h261 h263 h264 hca hcom hdr_pipe hevc hnm hxvs iamf ico idcin idf iff
        ifv ilbc image2pipe ingenient ipmovie ipu ircam iss iv8 ivf ivr j2k_pipe jacosub
        jpeg_pipe jpegls_pipe jpegxl_anim jpegxl_pipe jpegxs_pipe jv kux kvag laf lc3 libgme
        libmodplug libopenmpt live_flv lmlm4 loas lrc luodat lvf lxf m4v matroska mca mcc mgsts
        microdvd mjpeg mjpeg_2000 mlp mm mmf mods moflex mp3 mpc mpc8 mpeg mpegts mpegtsraw
        mpegvideo mpjpeg mpl2 mpsub msf msnwctcp msp mtaf mtv mulaw musx mv mvi mxf mxg nc
        nistsphere nsp nsv nut nuv obu ogg oma osq paf pam_pipe pbm_pipe pcx_pipe pdv pfm_pipe
        pgm_pipe pgmyuv_pipe pgx_pipe phm_pipe photocd_pipe pictor_pipe pjs pmp png_pipe pp_bnk
        ppm_pipe psd_pipe psxstr pva pvf qcp qdraw_pipe qoa qoi_pipe r3d rawvideo rcwt realtext
        redspark rka rl2 rm roq rpl rsd rso s16be s16le s24be s24le s32be s32le s337m s8 sami
        sbc sbg scc scd sdns sdr2 sds sdx ser sga sgi_pipe shn siff simbiosis_imx sln smjpeg smk
        smush sol sox spdif srt stl subviewer subviewer1 sunrast_pipe sup svag svg_pipe svs swf
        tak tedcaptions thp tiertexseq tiff_pipe tmv truehd tta tty txd ty u16be u16le u24be
        u24le u32be u32le u8 usm v210 v210x vag vbn_pipe vc1 vc1test vidc vividas vivo vmd voc
        vpk vplayer vqf vvc w64 wady wav wc3movie webp_pipe webvtt wsaud wsd wsvqa wtv wv wve xa
        xbin xbm_pipe xmd xmv xpm_pipe xvag xwd_pipe xwma yop yuv4mpegpipe
        """)

    private static func set(_ names: String) -> Set<String> {
        Set(names.split(whereSeparator: \.isWhitespace).map(String.init))
    }
}
