//! Posters of tournaments: which images are taken, and the names they are kept under. A name is a fresh id and the kind of
//! image, and nothing else parses as one, so no name leads out of its folder. What bytes are is told by the bytes and not
//! by who sends them. Pure.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

/// Largest poster, in bytes.
pub const POSTER_MAX_BYTES: u64 = 5 * 1024 * 1024;
/// So many first bytes tell what an image is.
pub const SNIFF_BYTES: usize = 12;

/// The kinds of images that are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ImageKind {
    /// image/png
    Png,
    /// image/jpeg
    Jpeg,
    /// image/webp
    Webp,
}

/// The name of one poster. It is used once, so what it names never changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PosterKey {
    id: Uuid,
    kind: ImageKind,
}

impl ImageKind {
    /// All kinds.
    pub const ALL: [Self; 3] = [Self::Png, Self::Jpeg, Self::Webp];

    /// The media type.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::Webp => "image/webp",
        }
    }

    const fn extension(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Jpeg => "jpg",
            Self::Webp => "webp",
        }
    }

    /// The kind of this media type.
    pub fn of_content_type(content_type: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.content_type() == content_type)
    }

    /// What the first bytes of an image say.
    pub fn sniff(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some(Self::Png),
            [0xff, 0xd8, 0xff, ..] => Some(Self::Jpeg),
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some(Self::Webp),
            _ => None,
        }
    }
}

impl PosterKey {
    /// The name of a new poster; the id must be fresh.
    pub const fn new(id: Uuid, kind: ImageKind) -> Self {
        Self { id, kind }
    }

    /// Where everybody finds it: a path of this server.
    pub fn url(self) -> String {
        format!("/posters/{self}")
    }

    /// The kind of image under this name.
    pub const fn kind(self) -> ImageKind {
        self.kind
    }
}

impl fmt::Display for PosterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.id.as_simple(), self.kind.extension())
    }
}

/// It is not the name of a poster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoPosterKey;

impl FromStr for PosterKey {
    type Err = NoPosterKey;

    fn from_str(name: &str) -> Result<Self, NoPosterKey> {
        let (id, extension) = name.split_once('.').ok_or(NoPosterKey)?;
        let kind = ImageKind::ALL.into_iter().find(|kind| kind.extension() == extension);
        let key = Self::new(Uuid::try_parse(id).map_err(|_| NoPosterKey)?, kind.ok_or(NoPosterKey)?);
        // One poster, one name: other spellings of the id are none.
        if key.to_string() == name {
            Ok(key)
        } else {
            Err(NoPosterKey)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::png(b"\x89PNG\r\n\x1a\n....", Some(ImageKind::Png))]
    #[case::jpeg(b"\xff\xd8\xff\xe0....", Some(ImageKind::Jpeg))]
    #[case::webp(b"RIFF\x10\0\0\0WEBPVP8 ", Some(ImageKind::Webp))]
    #[case::sound(b"RIFF\x10\0\0\0WAVEfmt ", None)]
    #[case::page(b"<html><script>", None)]
    #[case::drawing(b"<svg onload=''>", None)]
    #[case::cut(b"\x89PNG", None)]
    #[case::nothing(b"", None)]
    fn the_bytes_say_what_an_image_is(#[case] bytes: &[u8], #[case] kind: Option<ImageKind>) {
        assert_eq!(ImageKind::sniff(bytes), kind);
    }

    #[rstest]
    #[case("")]
    #[case("poster.png")]
    #[case("../../etc/passwd")]
    #[case("0197b5b26c6e7d7a8d317a3f0c9d5e21")]
    #[case("0197b5b26c6e7d7a8d317a3f0c9d5e21.svg")]
    #[case("0197b5b26c6e7d7a8d317a3f0c9d5e21.png/..")]
    #[case("0197b5b26c6e7d7a8d317a3f0c9d5e21.png\0")]
    #[case("0197B5B26C6E7D7A8D317A3F0C9D5E21.png")]
    #[case("0197b5b2-6c6e-7d7a-8d31-7a3f0c9d5e21.png")]
    #[case("{0197b5b26c6e7d7a8d317a3f0c9d5e21}.png")]
    fn nothing_but_a_name_of_ours_is_a_name(#[case] name: &str) {
        assert_eq!(name.parse::<PosterKey>(), Err(NoPosterKey));
    }

    proptest! {
        #[test]
        fn every_name_of_ours_comes_back(id in any::<u128>(), kind in prop::sample::select(&ImageKind::ALL[..])) {
            let key = PosterKey::new(Uuid::from_u128(id), kind);
            prop_assert_eq!(key.to_string().parse(), Ok(key));
        }

        #[test]
        fn whatever_parses_is_one_plain_file_name(name in "[0-9a-f./\\\\%]{0,50}") {
            if let Ok(key) = name.parse::<PosterKey>() {
                let rest = key.to_string().replacen('.', "", 1);
                prop_assert!(rest.bytes().all(|b| b.is_ascii_alphanumeric()));
            }
        }
    }
}
