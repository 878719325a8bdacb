//! What becomes of pictures of all kinds, of broken ones, and of what was made to do harm.

use std::io::{Cursor, Write};

use ::exr::prelude::{
    AnyChannel, AnyChannels, Blocks, Compression, Encoding, FlatSamples, Image, Layer, LayerAttributes,
    LineOrder, SmallVec, WritableImage, f16,
};
use image::{ColorType, ImageBuffer, Luma, Rgb, Rgba, RgbaImage};
use proptest::prelude::*;

use super::*;

fn file(bytes: &[u8]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file.rewind().unwrap();
    file
}

fn shown(bytes: &[u8]) -> Result<Shown, Unreadable> {
    decode(file(bytes))
}

/// The picture that people see.
fn seen(bytes: &[u8]) -> RgbImage {
    image::load_from_memory(&shown(bytes).unwrap().jpeg).unwrap().into_rgb8()
}

fn encoded(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

/// Is the colour in the middle of the picture this one, but for what JPEG does to it?
fn assert_colour(picture: &RgbImage, expected: [u8; 3]) {
    let found = picture.get_pixel(picture.width() / 2, picture.height() / 2).0;
    let near = found.iter().zip(expected).all(|(found, expected)| found.abs_diff(expected) <= 2);
    assert!(near, "{found:?} is not {expected:?}");
}

/// An OpenEXR picture with these channels, each the same everywhere.
fn exr_of(size: (usize, usize), compression: Compression, channels: &[(&str, f32)], half: bool) -> Vec<u8> {
    let samples = |value: f32| {
        let count = size.0 * size.1;
        if half {
            FlatSamples::F16(vec![f16::from_f32(value); count])
        } else {
            FlatSamples::F32(vec![value; count])
        }
    };
    let list: SmallVec<_> =
        channels.iter().map(|(name, value)| AnyChannel::new(*name, samples(*value))).collect();
    // Blender writes lines; somebody else may write tiles.
    let encoding = match compression {
        Compression::RLE => Encoding { compression, ..Encoding::FAST_LOSSLESS },
        _ => Encoding { compression, blocks: Blocks::ScanLines, line_order: LineOrder::Increasing },
    };
    let layer = Layer::new(size, LayerAttributes::default(), encoding, AnyChannels::sort(list));
    let mut bytes = Cursor::new(Vec::new());
    Image::from_layer(layer).write().non_parallel().to_buffered(&mut bytes).unwrap();
    bytes.into_inner()
}

const GREY: [(&str, f32); 3] = [("R", 0.18), ("G", 0.18), ("B", 0.18)];

#[test]
fn light_is_put_on_the_curve_of_srgb() {
    assert_eq!(develop([0.18, 0.18, 0.18, 1.0]), [118; 3]);
    assert_eq!(develop([0.0, 1.0, 0.5, 1.0]), [0, 255, 188]);
    assert_eq!(develop([0.002, -1.0, 1e30, 1.0]), [7, 0, 255]);
    assert_eq!(develop([f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1.0]), [0, 255, 0]);
}

#[test]
fn the_ground_shows_where_there_is_nothing() {
    assert_eq!(develop([0.0, 0.0, 0.0, 0.0]), [GROUND; 3]);
    assert_eq!(develop([1.0, 0.0, 0.0, 2.0]), [255, 0, 0]);
    assert_eq!(develop([1.0, 0.0, 0.0, f32::NAN]), [255, 0, 0]);
    assert_eq!([over_ground(200, 0), over_ground(200, 255), over_ground(0, 255)], [GROUND, 200, 0]);
}

#[test]
fn pictures_are_shown_at_a_size_that_fits_and_never_grow() {
    for (from, to) in [
        ((1, 1), (1, 1)),
        ((1920, 1080), (1920, 1080)),
        ((1921, 1080), (1920, 1079)),
        ((3840, 2160), (1920, 1080)),
        ((2048, 858), (1920, 804)),
        ((1080, 1920), (608, 1080)),
        ((100, 4000), (27, 1080)),
        ((30000, 1), (1920, 1)),
        ((1, 30000), (1, 1080)),
    ] {
        assert_eq!(fit(from.0, from.1), to, "{from:?}");
    }
}

proptest! {
    #[test]
    fn whatever_its_size_a_picture_fits_and_keeps_its_shape(width in 1..40_000_u32, height in 1..40_000_u32) {
        let (to_width, to_height) = fit(width, height);
        prop_assert!(to_width <= 1920.min(width) && to_height <= 1080.min(height), "{to_width} x {to_height}");
        prop_assert!(to_width > 0 && to_height > 0);
        let expected = f64::from(width) * f64::from(to_height) / f64::from(height);
        prop_assert!((expected - f64::from(to_width)).abs() <= f64::from(width) / f64::from(height) + 1.0);
    }
}

#[test]
fn png_jpeg_and_tiff_are_shown_as_they_are() {
    let (width, height, colour) = (40, 30, [200, 100, 50]);
    let eight = DynamicImage::ImageRgb8(ImageBuffer::from_pixel(width, height, Rgb(colour)));
    let wide = colour.map(|value| u16::from(value) * 257);
    let sixteen = DynamicImage::ImageRgb16(ImageBuffer::from_pixel(width, height, Rgb(wide)));
    let [r, g, b] = wide;
    let opaque = DynamicImage::ImageRgba16(ImageBuffer::from_pixel(width, height, Rgba([r, g, b, u16::MAX])));
    for picture in [&eight, &sixteen, &opaque] {
        for format in [ImageFormat::Png, ImageFormat::Tiff] {
            let shown = seen(&encoded(picture, format));
            assert_eq!(shown.dimensions(), (width, height));
            assert_colour(&shown, colour);
        }
    }
    assert_colour(&seen(&encoded(&eight, ImageFormat::Jpeg)), colour);
    let grey = DynamicImage::ImageLuma8(ImageBuffer::from_pixel(8, 8, Luma([77])));
    assert_colour(&seen(&encoded(&grey, ImageFormat::Png)), [77; 3]);
    let light = DynamicImage::ImageRgb32F(ImageBuffer::from_pixel(8, 8, Rgb([0.18_f32; 3])));
    assert_colour(&seen(&encoded(&light, ImageFormat::Tiff)), [118; 3]);
}

#[test]
fn what_is_transparent_is_laid_over_the_ground() {
    let clear = DynamicImage::ImageRgba8(RgbaImage::from_pixel(8, 8, Rgba([255, 255, 255, 0])));
    assert_colour(&seen(&encoded(&clear, ImageFormat::Png)), [GROUND; 3]);
    let clear = [("R", 0.0), ("G", 0.0), ("B", 0.0), ("A", 0.0)];
    assert_colour(&seen(&exr_of((8, 8), Compression::ZIP16, &clear, false)), [GROUND; 3]);
}

#[test]
fn a_large_picture_is_made_smaller_and_its_own_size_is_remembered() {
    let large = DynamicImage::ImageRgb8(ImageBuffer::from_pixel(4000, 1000, Rgb([10, 200, 30])));
    let shown = shown(&encoded(&large, ImageFormat::Png)).unwrap();
    assert_eq!((shown.width, shown.height), (4000, 1000));
    let small = image::load_from_memory(&shown.jpeg).unwrap().into_rgb8();
    assert_eq!(small.dimensions(), (1920, 480));
    assert_colour(&small, [10, 200, 30]);
}

#[test]
fn openexr_is_developed_however_it_is_compressed() {
    use Compression::{B44, DWAA, PIZ, PXR24, RLE, Uncompressed, ZIP1, ZIP16};
    for half in [true, false] {
        for compression in [Uncompressed, RLE, ZIP1, ZIP16, PIZ, PXR24, B44, DWAA(None)] {
            let picture = seen(&exr_of((70, 50), compression, &GREY, half));
            assert_eq!(picture.dimensions(), (70, 50));
            assert_colour(&picture, [118; 3]);
        }
    }
}

#[test]
fn of_many_layers_the_one_that_people_want_to_see_is_shown() {
    let layers = [
        ("ViewLayer.Combined.R", 0.18),
        ("ViewLayer.Combined.G", 0.18),
        ("ViewLayer.Combined.B", 0.18),
        ("ViewLayer.Combined.A", 1.0),
        ("ViewLayer.Depth.Z", 10.0),
        ("AO.R", 1.0),
        ("AO.G", 1.0),
        ("AO.B", 1.0),
        ("ViewLayer.Vector.X", 0.0),
    ];
    assert_colour(&seen(&exr_of((20, 20), Compression::ZIP16, &layers, false)), [118; 3]);
    let composited = [
        layers.as_slice(),
        &[("Composite.Combined.R", 1.0), ("Composite.Combined.G", 0.0), ("Composite.Combined.B", 0.0)],
    ]
    .concat();
    assert_colour(&seen(&exr_of((20, 20), Compression::ZIP16, &composited, true)), [255, 0, 0]);
}

#[test]
fn a_picture_without_colours_cannot_be_shown() {
    let error = shown(&exr_of((8, 8), Compression::ZIP16, &[("Depth.Z", 1.0)], false)).unwrap_err();
    assert!(matches!(error, Unreadable::Nothing(_)), "{error}");
}

#[test]
fn what_is_no_picture_is_said_to_be_none() {
    for bytes in [b"".as_slice(), b"text", b"GIF89a\x01\x00\x01\x00", &[0; 4096], b"BM\x00\x00"] {
        assert!(matches!(shown(bytes), Err(Unreadable::Unknown)), "{bytes:?}");
    }
}

/// A PNG file that says that it is so large, and holds next to nothing.
fn png_that_says(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = encoded(&DynamicImage::new_rgb8(1, 1), ImageFormat::Png);
    bytes[16..20].copy_from_slice(&width.to_be_bytes());
    bytes[20..24].copy_from_slice(&height.to_be_bytes());
    let mut crc = flate2::Crc::new();
    crc.update(&bytes[12..29]);
    bytes[29..33].copy_from_slice(&crc.sum().to_be_bytes());
    bytes
}

#[test]
fn what_says_that_it_is_huge_is_refused_before_it_is_read() {
    for (width, height) in
        [(60_000, 60_000), (u32::MAX, 1), (1, 40_000), (7000, 7000), (0x7fff_ffff, 0x7fff_ffff)]
    {
        let error = shown(&png_that_says(width, height)).unwrap_err();
        assert!(
            matches!(error, Unreadable::TooLarge | Unreadable::Damaged(_)),
            "{width} x {height}: {error}"
        );
    }
    assert!(matches!(shown(&png_that_says(60_000, 60_000)), Err(Unreadable::TooLarge)));
    // A frame of 8K may be read; this one ends too soon.
    assert!(matches!(shown(&png_that_says(8192, 4320)), Err(Unreadable::Damaged(_))));
}

/// The OpenEXR file with its data window, and its display window, ending there.
fn exr_that_says(x: i32, y: i32) -> Vec<u8> {
    let mut bytes = exr_of((8, 8), Compression::ZIP16, &GREY, false);
    for name in [b"dataWindow\0box2i\0", b"displayWindow\0box2i\0".as_slice()] {
        let at = bytes.windows(name.len()).position(|part| part == name).unwrap() + name.len() + 4;
        bytes[at + 8..at + 12].copy_from_slice(&x.to_le_bytes());
        bytes[at + 12..at + 16].copy_from_slice(&y.to_le_bytes());
    }
    let blocks = (y.unsigned_abs() + 1).div_ceil(16);
    let name = b"chunkCount\0int\0";
    let at = bytes.windows(name.len()).position(|part| part == name).unwrap() + name.len() + 4;
    bytes[at..at + 4].copy_from_slice(&blocks.to_le_bytes());
    bytes
}

#[test]
fn an_openexr_window_that_is_too_large_is_refused() {
    for (x, y) in [(i32::MAX, i32::MAX), (i32::MAX - 1, 0), (0, i32::MAX - 1), (59_999, 59_999), (40_000, 7)]
    {
        // Debug builds panic where a window is as wide as numbers go; the darkroom takes care of that.
        let refused = std::panic::catch_unwind(|| shown(&exr_that_says(x, y)).is_err()).unwrap_or(true);
        assert!(refused, "{x} {y}");
    }
    let error = shown(&exr_that_says(59_999, 59_999)).unwrap_err();
    assert!(matches!(error, Unreadable::TooLarge), "{error}");
}

#[test]
fn a_jpeg_that_is_too_long_is_not_held_in_memory() {
    let mut bytes = encoded(&DynamicImage::new_rgb8(8, 8), ImageFormat::Jpeg);
    bytes.truncate(bytes.len() - 2);
    let mut file = file(&bytes);
    file.set_len(MOST_OF_JPEG + (1 << 20)).unwrap();
    file.rewind().unwrap();
    assert!(matches!(decode(file), Err(Unreadable::TooLarge)));
}

#[test]
fn the_sizes_in_a_block_of_dwa_are_not_taken_at_their_word() {
    let whole = exr_of((64, 64), Compression::DWAA(None), &GREY, true);
    // The version comes first, which is 2, and then the sizes.
    let at = whole.windows(8).rposition(|part| part == 2_u64.to_le_bytes()).unwrap();
    for place in 1..10 {
        let mut bytes = whole.clone();
        bytes[at + place * 8..][..8].copy_from_slice(&(1_u64 << 50).to_le_bytes());
        assert!(matches!(shown(&bytes), Err(Unreadable::Damaged(_))), "{place}");
    }
}

/// A picture of each kind, small.
fn samples() -> Vec<Vec<u8>> {
    let picture = DynamicImage::ImageRgba16(ImageBuffer::from_fn(24, 20, |x, y| {
        let value = |at: u32| u16::try_from(at * 2000).unwrap();
        Rgba([value(x), value(y), 500, 60_000])
    }));
    let jpeg = DynamicImage::ImageRgb8(picture.to_rgb8());
    assert_eq!(picture.color(), ColorType::Rgba16);
    let layers = [("A.R", 0.1), ("A.G", 0.2), ("A.B", 0.3), ("A.A", 0.5)];
    vec![
        encoded(&picture, ImageFormat::Png),
        encoded(&picture, ImageFormat::Tiff),
        encoded(&jpeg, ImageFormat::Jpeg),
        exr_of((24, 20), Compression::ZIP16, &GREY, true),
        exr_of((24, 20), Compression::PIZ, &layers, false),
        exr_of((24, 20), Compression::DWAA(None), &GREY, true),
        exr_of((24, 20), Compression::RLE, &layers, true),
    ]
}

/// Whatever is in a file: there is a picture, or an error, or a panic, which the darkroom takes for an error.
fn survives(bytes: &[u8]) {
    let shown = std::panic::catch_unwind(|| shown(bytes));
    if let Ok(Ok(shown)) = shown {
        let small = image::load_from_memory(&shown.jpeg).unwrap();
        assert!(small.width() <= SHOWN.0 && small.height() <= SHOWN.1);
    }
}

#[test]
fn a_picture_that_ends_too_soon_does_no_harm() {
    for sample in samples() {
        for length in (0..sample.len()).step_by(7) {
            survives(&sample[..length]);
        }
    }
}

proptest! {
    #[test]
    fn a_picture_that_was_tampered_with_does_no_harm(
        sample in 0..7_usize,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        extreme in prop::option::of((any::<prop::sample::Index>(), prop::sample::select(vec![[0xff_u8; 4], [0; 4], [0xff, 0xff, 0xff, 0x7f], [0x7f, 0xff, 0xff, 0xff]]))),
    ) {
        let mut bytes = samples().swap_remove(sample);
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if let Some((at, value)) = extreme {
            let at = at.index(bytes.len() - 4);
            bytes[at..at + 4].copy_from_slice(&value);
        }
        survives(&bytes);
    }

    #[test]
    fn noise_behind_the_right_beginning_does_no_harm(
        begin in prop::sample::select(vec![
            b"\x89PNG\r\n\x1a\n".to_vec(), b"\xff\xd8\xff".to_vec(), b"II*\0".to_vec(), b"MM\0*".to_vec(),
            exr::MAGIC.to_vec(), [exr::MAGIC, [2, 0, 0, 0]].concat(), [exr::MAGIC, [2, 0x16, 0, 0]].concat(),
        ]),
        noise in prop::collection::vec(any::<u8>(), 0..2000),
    ) {
        survives(&[begin, noise].concat());
    }
}
