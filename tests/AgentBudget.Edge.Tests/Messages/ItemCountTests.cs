using AgentBudget.Api.Edge.Checks;
using EdgeTest.V1;
using Google.Protobuf;

namespace AgentBudget.Edge.Tests.Messages;

public sealed class ItemCountTests
{
    private const int ItemsMax = 20;

    // Field 1 of the message, a text, so that no message is too short to be counted.
    private static readonly byte[] Padding = new EchoRequest { Text = new string('x', ItemsMax) }.ToByteArray();

    [Fact]
    public void Elements_of_lists_and_maps_count_at_every_level()
    {
        EchoRequest request = new();
        for (int i = 0; i < 5; i++)
            request.Many.Add(new EchoRequest { Labels = { ["a"] = "b" } });
        request.Nested = new EchoRequest { Numbers = { 1, 2, 3, 300_000, -1 } };
        request.Labels["c"] = "d";

        AssertCount(5 + 5 + 5 + 1, request.ToByteArray());
    }

    [Theory]
    [InlineData(new byte[] { 0x2A, 0x00 })] // An empty message of a list.
    [InlineData(new byte[] { 0x32, 0x00 })] // An empty entry of a map.
    [InlineData(new byte[] { 0x38, 0x01 })] // A number of a list that is not packed.
    [InlineData(new byte[] { 0x3A, 0x01, 0x07 })] // A number of a list that is packed alone.
    [InlineData(new byte[] { 0x78, 0x01 })] // A field that the schema does not have.
    [InlineData(new byte[] { 0x08, 0x01 })] // A field of the schema with another wire type, which is as unknown.
    [InlineData(new byte[] { 0x7B, 0x7C })] // A group, which no schema has.
    [InlineData(new byte[] { 0xAA, 0x80, 0x80, 0x80, 0x00, 0x00 })] // A tag that is longer than it need be.
    public void Each_counts_once_however_it_is_written(byte[] item) =>
        AssertCount(7, [.. Enumerable.Repeat(item, 7).SelectMany(one => one)]);

    [Fact]
    public void Fields_within_a_group_are_unknown_whatever_their_numbers() =>
        AssertCount(1 + 3, [0x7B, 0x0A, 0x00, 0x0A, 0x00, 0x0A, 0x00, 0x7C]);

    [Theory]
    [InlineData(new byte[] { 0x22, 0x00 })] // A message that is no list merges into one.
    [InlineData(new byte[] { 0x0A, 0x00 })] // A text that comes again replaces the one before.
    [InlineData(new byte[] { 0x10, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01 })] // A negative number.
    public void What_is_no_list_does_not_count(byte[] field) =>
        AssertCount(0, [.. Enumerable.Repeat(field, 100).SelectMany(one => one)]);

    [Fact]
    public void Items_behind_a_number_of_ten_bytes_count()
    {
        byte[] negative = new EchoRequest { Count = -1 }.ToByteArray();
        AssertCount(3, [.. negative, 0x2A, 0x00, 0x2A, 0x00, 0x2A, 0x00]);
    }

    [Fact]
    public void A_broken_message_is_left_to_the_parser()
    {
        byte[] broken = [.. Padding, 0x2A, 0x7F];
        Assert.False(ItemCount.IsAbove(1, broken, EchoRequest.Descriptor));
        Assert.Throws<InvalidProtocolBufferException>(() => EchoRequest.Parser.ParseFrom(broken));
    }

    private static void AssertCount(int expected, byte[] payload)
    {
        byte[] padded = [.. Padding, .. payload];
        Assert.False(ItemCount.IsAbove(expected, padded, EchoRequest.Descriptor));
        if (expected > 0)
            Assert.True(ItemCount.IsAbove(expected - 1, padded, EchoRequest.Descriptor));
        EchoRequest.Parser.ParseFrom(padded); // What is counted is what a parser takes.
    }
}
