using AgentBudget.Rpc.Wire;

namespace AgentBudget.Rpc.Tests.Wire;

public sealed class WireTests
{
    [Theory]
    [InlineData("1H", 3600.0)]
    [InlineData("2M", 120.0)]
    [InlineData("3S", 3.0)]
    [InlineData("4m", 0.004)]
    [InlineData("5u", 0.000005)]
    [InlineData("0S", 0.0)]
    [InlineData("99999999H", 24.0 * 86400)]
    public void A_timeout_is_read_in_its_unit(string text, double seconds)
    {
        Assert.True(CallTimeout.TryParseGrpc(text, out TimeSpan timeout));
        Assert.Equal(seconds, timeout.TotalSeconds, precision: 7);
    }

    [Fact]
    public void Nanoseconds_are_rounded_up_to_the_clocks_tick()
    {
        Assert.True(CallTimeout.TryParseGrpc("1n", out TimeSpan timeout));
        Assert.Equal(1, timeout.Ticks);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(999_999)]
    [InlineData(1_000_000)]
    [InlineData(10_000_000_000)]
    [InlineData(864_000_000_000)]
    public void A_timeout_that_is_written_is_read_again_without_growing(long ticks)
    {
        string text = CallTimeout.FormatGrpc(new TimeSpan(ticks));
        Assert.True(CallTimeout.TryParseGrpc(text, out TimeSpan read), text);
        Assert.InRange(read.Ticks, (long)(ticks * 0.999), ticks);
    }

    [Theory]
    [InlineData("")]
    [InlineData("plain text")]
    [InlineData("100 %")]
    [InlineData("grüße 🙂 \r\n\t")]
    public void Percent_encoding_is_plain_ascii_and_reversible(string text)
    {
        string encoded = PercentEncoding.Encode(text);
        Assert.All(encoded, character => Assert.InRange(character, ' ', '~'));
        Assert.Equal(text, PercentEncoding.Decode(encoded));
    }

    [Theory]
    [InlineData("%")]
    [InlineData("%4")]
    [InlineData("%zz")]
    public void What_is_not_an_escape_is_left_as_it_is(string text) => Assert.Equal(text, PercentEncoding.Decode(text));

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Binary_metadata_has_no_padding_and_is_reversible(int length)
    {
        byte[] value = [.. Enumerable.Range(250, length).Select(i => (byte)i)];
        string encoded = BinaryMetadata.Encode(value);
        Assert.DoesNotContain('=', encoded);
        Assert.True(BinaryMetadata.TryDecodeFirst(encoded, out byte[] decoded));
        Assert.Equal(value, decoded);
    }
}
