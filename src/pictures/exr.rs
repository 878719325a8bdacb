//! OpenEXR: amounts of light, in one layer or in many, as Blender writes them. Of a picture with many layers the one is shown
//! that a person would look at. The file is gone through in blocks, and of each nothing is kept but what is shown.

use std::io::{Read, Seek};

use exr::{
    block::{
        self,
        chunk::{Chunk, CompressedBlock, TileCoordinates},
        lines::LineRef,
        reader::ChunksReader,
    },
    compression::Compression,
    meta::{BlockDescription, MetaData, attribute::SampleType, header::Header},
    prelude::f16,
};
use image::RgbImage;

use super::decode::{Meter, Unreadable, check_size, damaged, develop};

/// How such a file begins.
pub(super) const MAGIC: [u8; 4] = [0x76, 0x2f, 0x31, 0x01];

/// The most that is read of a file before its pixels begin, in bytes.
const MOST_ABOUT: u64 = 16 << 20;

/// The most memory that a block may take, in bytes.
const LARGEST_BLOCK: u128 = 128 << 20;

/// The most blocks.
const MOST_BLOCKS: usize = 1 << 20;

/// As many numbers of eight bytes stand at the beginning of a block of DWA.
const DWA_SIZES: usize = 10;

/// Where the colours are that are shown.
#[derive(Debug, PartialEq, Eq)]
struct Layer {
    header: usize,
    /// The places of red, green, blue and, if there is one, alpha among the channels.
    channels: [Option<usize>; 4],
}

/// Reads the picture, laid over the ground.
pub fn read(source: impl Read + Seek, meter: &Meter) -> Result<RgbImage, Unreadable> {
    meter.allow(MOST_ABOUT);
    let file = block::read(source, false).map_err(damaged)?;
    meter.allow(u64::MAX);
    let headers = file.headers();
    headers.iter().try_for_each(check)?;
    if headers.iter().map(|header| header.chunk_count).fold(0, usize::saturating_add) > MOST_BLOCKS {
        return Err(Unreadable::TooLarge);
    }
    let layer = choose(headers).ok_or(Unreadable::Nothing("it has no layer with red, green and blue"))?;
    let (width, height) = (headers[layer.header].layer_size.0, headers[layer.header].layer_size.1);
    let side = |side: usize| u32::try_from(side).map_err(|_| Unreadable::TooLarge);
    let mut picture = RgbImage::new(side(width)?, side(height)?);
    let is_wanted = |_: &MetaData, tile: TileCoordinates, block: block::BlockIndex| {
        block.layer == layer.header && tile.level_index.0 == 0 && tile.level_index.1 == 0
    };
    let chunks = file.filter_chunks(false, is_wanted).map_err(damaged)?;
    let meta = chunks.meta_data().clone();
    let channels = &meta.headers[layer.header].channels;
    for chunk in chunks {
        let chunk = chunk.map_err(damaged)?;
        check_dwa(&meta, &chunk)?;
        let block = block::UncompressedBlock::decompress_chunk(chunk, &meta, false);
        let block = block.map_err(damaged)?;
        // A block that says it is another's has no place in this picture.
        if block.index.layer != layer.header || block.index.level.0 != 0 || block.index.level.1 != 0 {
            continue;
        }
        let mut rows = Rows::default();
        for line in block.lines(channels) {
            if let Some(part) = layer.channels.iter().position(|at| *at == Some(line.location.channel)) {
                rows.take(part, &line, channels.list[line.location.channel].sample_type)?;
            }
            if line.location.channel + 1 == channels.list.len() {
                rows.draw(&mut picture, line.location.position.0, line.location.position.1);
            }
        }
    }
    Ok(picture)
}

/// One line of a picture: red, green, blue and alpha.
#[derive(Default)]
struct Rows {
    parts: [Vec<f32>; 4],
}

impl Rows {
    fn take(&mut self, part: usize, line: &LineRef<'_>, kind: SampleType) -> Result<(), Unreadable> {
        let samples = &mut self.parts[part];
        samples.clear();
        match kind {
            SampleType::F16 => {
                for sample in line.read_samples::<f16>() {
                    samples.push(sample.map_err(damaged)?.to_f32());
                }
            }
            SampleType::F32 => {
                for sample in line.read_samples::<f32>() {
                    samples.push(sample.map_err(damaged)?);
                }
            }
            // Numbers of things, not light; such channels are not chosen.
            SampleType::U32 => {}
        }
        Ok(())
    }

    fn draw(&self, picture: &mut RgbImage, x: usize, y: usize) {
        let [red, green, blue, alpha] = &self.parts;
        for (at, ((r, g), b)) in red.iter().zip(green).zip(blue).enumerate() {
            let alpha = alpha.get(at).copied().unwrap_or(1.0);
            let place = u32::try_from(x + at).ok().zip(u32::try_from(y).ok());
            if let Some(pixel) = place.and_then(|(x, y)| picture.get_pixel_mut_checked(x, y)) {
                *pixel = image::Rgb(develop([*r, *g, *b, alpha]));
            }
        }
    }
}

/// Would reading it take too much, or is it of a kind that is not read? All parts of a file have to be fine, because the
/// library goes through all of them.
fn check(header: &Header) -> Result<(), Unreadable> {
    if header.deep {
        return Err(Unreadable::Nothing("it has deep pixels, which are not shown"));
    }
    if header.channels.list.iter().any(|channel| channel.sampling.0 != 1 || channel.sampling.1 != 1) {
        return Err(Unreadable::Nothing("it has channels of different sizes, which are not shown"));
    }
    let wide = |size: usize| u128::try_from(size).unwrap_or(u128::MAX);
    check_size(
        u64::try_from(header.layer_size.0).unwrap_or(u64::MAX).min(u64::from(u32::MAX)),
        u64::try_from(header.layer_size.1).unwrap_or(u64::MAX).min(u64::from(u32::MAX)),
    )?;
    let (block_width, block_height) = match header.blocks {
        BlockDescription::ScanLines => (header.layer_size.0, header.compression.scan_lines_per_block()),
        BlockDescription::Tiles(tiles) => (tiles.tile_size.0, tiles.tile_size.1),
    };
    let block = wide(block_width) * wide(block_height);
    if block.saturating_mul(wide(header.channels.bytes_per_pixel)) > LARGEST_BLOCK {
        return Err(Unreadable::TooLarge);
    }
    Ok(())
}

/// A block of DWA begins with the sizes of its parts, for which the library takes as much memory as they say. Were that more
/// than there is, it would be the end of the process; so they are held against the size of the block first.
fn check_dwa(meta: &MetaData, chunk: &Chunk) -> Result<(), Unreadable> {
    let header = meta.headers.get(chunk.layer_index).ok_or_else(|| damaged("a block is of no layer"))?;
    if !matches!(header.compression, Compression::DWAA(_) | Compression::DWAB(_)) {
        return Ok(());
    }
    let bytes = match &chunk.compressed_block {
        CompressedBlock::ScanLine(block) => &block.compressed_pixels_le,
        CompressedBlock::Tile(block) => &block.compressed_pixels_le,
        CompressedBlock::DeepScanLine(_) | CompressedBlock::DeepTile(_) => return Ok(()),
    };
    let place = header.get_block_data_indices(&chunk.compressed_block).map_err(damaged)?;
    let size = header.get_absolute_block_pixel_coordinates(place).map_err(damaged)?.size;
    let whole = size.area().saturating_mul(header.channels.bytes_per_pixel);
    // What would not become smaller is not compressed.
    if bytes.len() >= whole {
        return Ok(());
    }
    // Parts are padded, and may be larger than what they are made of, but not by much.
    let most = u64::try_from(whole).unwrap_or(u64::MAX).saturating_mul(2).saturating_add(1 << 16);
    let (sizes, _) = bytes.as_chunks();
    if sizes.iter().take(DWA_SIZES).any(|size| u64::from_le_bytes(*size) > most) {
        return Err(damaged("a block says that it is larger than it can be"));
    }
    Ok(())
}

/// The layer to show: colours that belong to no layer, or else what Blender's compositor made, or else a whole picture of a
/// view layer, or else the first layer with colours.
fn choose(headers: &[Header]) -> Option<Layer> {
    let mut layers: Vec<(u8, Layer)> = Vec::new();
    for (number, header) in headers.iter().enumerate() {
        let names: Vec<_> = header.channels.list.iter().map(|channel| channel.name.to_string()).collect();
        let own_name = header.own_attributes.layer_name.as_ref().map(ToString::to_string).unwrap_or_default();
        for (place, name) in names.iter().enumerate() {
            let Some(prefix) =
                name.strip_suffix('R').filter(|prefix| prefix.is_empty() || prefix.ends_with('.'))
            else {
                continue;
            };
            let find = |colour: &str| names.iter().position(|other| *other == format!("{prefix}{colour}"));
            let channels = [Some(place), find("G"), find("B"), find("A")];
            let is_light = |at: &Option<usize>| {
                at.is_some_and(|at| header.channels.list[at].sample_type != SampleType::U32)
            };
            if channels[..3].iter().all(is_light) {
                let rank = rank(&format!("{own_name}.{prefix}"));
                layers.push((rank, Layer { header: number, channels }));
            }
        }
    }
    // The first of the best.
    layers.into_iter().min_by_key(|(rank, _)| *rank).map(|(_, layer)| layer)
}

/// How much a layer is what people want to see; 0 is most.
fn rank(name: &str) -> u8 {
    let parts: Vec<_> = name.split('.').filter(|part| !part.is_empty()).collect();
    if parts.is_empty() {
        0
    } else if parts.contains(&"Composite") {
        1
    } else if parts.contains(&"Combined") {
        2
    } else {
        3
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_want_to_see_comes_first() {
        let mut names = ["ViewLayer.Normal", "ViewLayer.Combined.left", "Composite.Combined", "."];
        names.sort_by_key(|name| rank(name));
        assert_eq!(names, [".", "Composite.Combined", "ViewLayer.Combined.left", "ViewLayer.Normal"]);
    }
}
