namespace AgentBudget.Identity.Tests;

public sealed class UserNameTests
{
    [Theory]
    [InlineData("user:kim@acme.test", "user:kim@acme.test")]
    [InlineData("e\u0301", "\u00E9")]
    [InlineData("\u212B", "\u00C5")]
    [InlineData("q\u0323\u0307", "q\u0323\u0307")]
    [InlineData("q\u0307\u0323", "q\u0323\u0307")]
    [InlineData("\u1E9B\u0323", "\u1E9B\u0323")]
    [InlineData("s\u0323\u0307", "\u1E69")]
    [InlineData("s\u0307\u0323", "\u1E69")]
    [InlineData("\u1112\u1161\u11AB", "\uD55C")]
    [InlineData("\uD55C\uAE00", "\uD55C\uAE00")]
    [InlineData("\u0958", "\u0915\u093C")]
    [InlineData("Kim O'Neill", "Kim O'Neill")]
    [InlineData("\uD83D\uDE00", "\uD83D\uDE00")]
    [InlineData("\u6F22\u5B57", "\u6F22\u5B57")]
    public void One_name_has_one_spelling(string given, string kept)
    {
        Assert.True(UserNames.TryNormalize(given, out string normalized));
        Assert.Equal(kept, normalized);
        Assert.True(UserNames.TryNormalize(kept, out string again));
        Assert.Equal(kept, again);
    }

    [Fact]
    public void A_name_shows_every_character_that_it_has()
    {
        int[] unseen =
        [
            0x0, 0x9, 0xA, 0xD, 0x7F, 0x85, 0x9F, 0xA0, 0xAD, 0x034F, 0x061C, 0x115F, 0x1680, 0x180E, 0x200B, 0x200C,
            0x200D, 0x200E, 0x202A, 0x202E, 0x2028, 0x2029, 0x2060, 0x2066, 0x2069, 0x3000, 0x3164, 0xFE0F, 0xFEFF,
            0xFFA0, 0xFFF9, 0xE000, 0xF900, 0xFDD0, 0xE0001, 0xE0020, 0xE0100, 0x10FFFF,
        ];
        foreach (int one in unseen)
        {
            string character = char.ConvertFromUtf32(one);
            Assert.False(UserNames.TryNormalize($"ki{character}m", out _), $"U+{one:X4}");
        }

        foreach (string wrong in (string[])["", " kim", "kim ", "kim\uD800", "\uDC00kim", new string('k', 257)])
            Assert.False(UserNames.TryNormalize(wrong, out _), wrong);
    }
}
