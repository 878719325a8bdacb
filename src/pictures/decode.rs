//! From a file that may hold anything to a small picture: whatever it says of itself, little memory is spent on it.

use std::{
    cell::Cell,
    fs::File,
    io::{self, BufRead, BufReader, Read, Seek, SeekFrom},
    rc::Rc,
};

use image::{
    DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits, RgbImage,
    codecs::jpeg::JpegEncoder, imageops,
};

use super::exr;

/// The most pixels: more than an 8K film frame has (8192 x 4320).
pub(super) const MOST_PIXELS: u64 = 40_000_000;

/// The longest side, in pixels.
const LONGEST_SIDE: u32 = 1 << 15;

/// The most memory for what is read, in bytes; as much as such a frame needs with 16 bits a channel.
const MOST_MEMORY: u64 = 320 << 20;

/// The most that is read of a JPEG file, in bytes: its decoder holds it in memory.
const MOST_OF_JPEG: u64 = 64 << 20;

/// The largest picture that is shown.
const SHOWN: (u32, u32) = (1920, 1080);

/// What 2.x took, and hard to tell from better.
const QUALITY: u8 = 85;

/// What is behind a picture where it is transparent: a neutral, dark grey.
const GROUND: u8 = 64;

/// Why a file cannot be shown.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// It is no picture, or one of a kind that is not known.
    #[error("it is no PNG, JPEG, TIFF or OpenEXR picture")]
    Unknown,
    /// It would take too much memory.
    #[error("it is too large: pictures of up to 40 megapixels are shown")]
    TooLarge,
    /// There is nothing in it that can be shown.
    #[error("{0}")]
    Nothing(&'static str),
    /// It is damaged, or makes use of what the libraries do not know.
    #[error("it cannot be read: {0}")]
    Damaged(String),
}

/// A picture as it is shown.
#[derive(Debug)]
pub struct Shown {
    /// The picture itself.
    pub jpeg: Vec<u8>,
    /// How wide it was rendered, in pixels.
    pub width: u32,
    /// How high.
    pub height: u32,
}

/// Reads a picture and makes it fit to be shown. Decoders may panic, or take more memory than they should: that is the
/// business of whoever runs this.
pub fn decode(file: File) -> Result<Shown, Unreadable> {
    let meter = Meter::new();
    let mut source = BufReader::with_capacity(1 << 16, Metered { file, meter: meter.clone() });
    let picture = read(&mut source, &meter);
    // Whatever a decoder makes of being cut off, the reason is that it was.
    let picture = picture.map_err(|error| if meter.is_used_up() { Unreadable::TooLarge } else { error })?;
    let (width, height) = picture.dimensions();
    Ok(Shown { jpeg: encode(&shrink(picture))?, width, height })
}

fn read(source: &mut BufReader<Metered>, meter: &Meter) -> Result<RgbImage, Unreadable> {
    let head = source.fill_buf().map_err(damaged)?;
    if head.starts_with(&exr::MAGIC) {
        return exr::read(source, meter);
    }
    let format = image::guess_format(head).map_err(|_| Unreadable::Unknown)?;
    match format {
        ImageFormat::Jpeg => meter.allow(MOST_OF_JPEG),
        ImageFormat::Png | ImageFormat::Tiff => {}
        _ => return Err(Unreadable::Unknown),
    }
    let mut limits = Limits::no_limits();
    limits.max_image_width = Some(LONGEST_SIDE);
    limits.max_image_height = Some(LONGEST_SIDE);
    limits.max_alloc = Some(MOST_MEMORY);
    let mut reader = ImageReader::with_format(source, format);
    reader.limits(limits);
    let decoder = reader.into_decoder().map_err(of_image)?;
    let (width, height) = decoder.dimensions();
    check_size(width.into(), height.into())?;
    if decoder.total_bytes() > MOST_MEMORY {
        return Err(Unreadable::TooLarge);
    }
    DynamicImage::from_decoder(decoder).map(on_ground).map_err(of_image)
}

/// Is a picture of this size read?
pub(super) fn check_size(width: u64, height: u64) -> Result<(), Unreadable> {
    let side = u64::from(LONGEST_SIDE);
    if width > side || height > side || width * height > MOST_PIXELS {
        return Err(Unreadable::TooLarge);
    }
    if width == 0 || height == 0 {
        return Err(Unreadable::Nothing("it has no pixels"));
    }
    Ok(())
}

fn of_image(error: ImageError) -> Unreadable {
    match error {
        ImageError::Limits(_) => Unreadable::TooLarge,
        error => damaged(error),
    }
}

pub(super) fn damaged(error: impl std::fmt::Display) -> Unreadable {
    Unreadable::Damaged(error.to_string())
}

/// The picture with what is transparent laid over the ground.
fn on_ground(picture: DynamicImage) -> RgbImage {
    let (width, height) = (picture.width(), picture.height());
    match &picture {
        // Whole numbers are as they are shown, floating-point numbers are amounts of light.
        DynamicImage::ImageRgb32F(light) => RgbImage::from_fn(width, height, |x, y| {
            let [r, g, b] = light.get_pixel(x, y).0;
            image::Rgb(develop([r, g, b, 1.0]))
        }),
        DynamicImage::ImageRgba32F(light) => RgbImage::from_fn(width, height, |x, y| {
            let [r, g, b, a] = light.get_pixel(x, y).0;
            image::Rgb(develop([r * a, g * a, b * a, a]))
        }),
        other if other.color().has_alpha() => {
            use image::GenericImageView;
            RgbImage::from_fn(width, height, |x, y| {
                let [r, g, b, a] = other.get_pixel(x, y).0;
                image::Rgb([r, g, b].map(|value| over_ground(value, a)))
            })
        }
        _ => picture.into_rgb8(),
    }
}

fn over_ground(value: u8, alpha: u8) -> u8 {
    let (value, alpha, ground) = (u32::from(value), u32::from(alpha), u32::from(GROUND));
    let mixed = (value * alpha + ground * (255 - alpha) + 127) / 255;
    u8::try_from(mixed).unwrap_or(u8::MAX)
}

/// Light as it is shown: red, green and blue, which count as covering the ground by the fourth number, on the curve of
/// sRGB. What is brighter than a screen is white; what is no number is black.
pub(super) fn develop([r, g, b, alpha]: [f32; 4]) -> [u8; 3] {
    let bare = (1.0 - alpha).clamp(0.0, 1.0);
    let ground = ground_light() * if bare.is_nan() { 0.0 } else { bare };
    [r, g, b].map(|light| to_srgb(light + ground))
}

/// The ground as an amount of light.
fn ground_light() -> f32 {
    // The curve of `to_srgb`, backwards.
    ((f32::from(GROUND) / 255.0 + 0.055) / 1.055).powf(2.4)
}

/// An amount of light, 0 to 1, as a number of sRGB.
fn to_srgb(light: f32) -> u8 {
    let light = if light.is_nan() { 0.0 } else { light.clamp(0.0, 1.0) };
    let value = if light <= 0.003_130_8 { light * 12.92 } else { 1.055 * light.powf(1.0 / 2.4) - 0.055 };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is 0 to 255")]
    let value = (value * 255.0).round() as u8;
    value
}

/// The picture at a size at which it is shown. It never grows.
fn shrink(picture: RgbImage) -> RgbImage {
    let (width, height) = picture.dimensions();
    let (to_width, to_height) = fit(width, height);
    if (to_width, to_height) == (width, height) {
        return picture;
    }
    imageops::thumbnail(&picture, to_width, to_height)
}

/// The size at which a picture of this size is shown.
fn fit(width: u32, height: u32) -> (u32, u32) {
    let (most_wide, most_high) = SHOWN;
    let scaled = |side: u32, by: u32, of: u32| {
        let (side, by, of) = (u64::from(side), u64::from(by), u64::from(of));
        let scaled = (side * by + of / 2) / of;
        u32::try_from(scaled.max(1)).unwrap_or(u32::MAX)
    };
    if width <= most_wide && height <= most_high {
        (width, height)
    } else if u64::from(width) * u64::from(most_high) >= u64::from(height) * u64::from(most_wide) {
        (most_wide, scaled(height, most_wide, width))
    } else {
        (scaled(width, most_high, height), most_high)
    }
}

fn encode(picture: &RgbImage) -> Result<Vec<u8>, Unreadable> {
    let mut jpeg = Vec::new();
    JpegEncoder::new_with_quality(&mut jpeg, QUALITY).encode_image(picture).map_err(damaged)?;
    Ok(jpeg)
}

/// How much may still be read, in bytes.
#[derive(Debug, Clone)]
pub(super) struct Meter(Rc<Cell<u64>>);

impl Meter {
    fn new() -> Self {
        Self(Rc::new(Cell::new(u64::MAX)))
    }

    /// From now on as many bytes may be read.
    pub fn allow(&self, bytes: u64) {
        self.0.set(bytes);
    }

    fn is_used_up(&self) -> bool {
        self.0.get() == 0
    }
}

/// A file of which no more is read than the meter allows.
pub(super) struct Metered {
    file: File,
    meter: Meter,
}

impl Read for Metered {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.meter.is_used_up() {
            return Err(io::Error::other("too much"));
        }
        let read = self.file.read(buffer)?;
        self.meter.allow(self.meter.0.get().saturating_sub(u64::try_from(read).unwrap_or(u64::MAX)));
        Ok(read)
    }
}

impl Seek for Metered {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

#[cfg(test)]
mod tests;
