using System.Text;
using AgentBudget.Rpc.Wire;

namespace AgentBudget.Rpc.Tests.Wire;

public sealed class JsonItemCountTests
{
    private const int ItemsMax = 20;

    [Theory]
    [InlineData("""{"many":[{},{},{}],"numbers":[1,-2.5]}""", 5)]
    [InlineData("""{"many":[{"many":[{},{}]},{"numbers":[1]}]}""", 5)]
    [InlineData("""{"many":[[1,2],[],["a"],null,true]}""", 8)]
    [InlineData("""{"labels":{"a":"b"},"nested":{"labels":{"a":"b"}},"many":[{"text":"[1]"}]}""", 1)]
    public void Elements_of_arrays_count_at_every_level(string text, int expected)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text + new string(' ', ItemsMax));

        Assert.False(JsonItemCount.IsAbove(expected, bytes));
        Assert.True(JsonItemCount.IsAbove(expected - 1, bytes));
    }

    [Fact]
    public void Members_of_messages_are_no_items()
    {
        string[] many = [.. Enumerable.Repeat("""{"text":"a","number":1,"nested":{"text":"b"}}""", ItemsMax)];

        Assert.False(JsonItemCount.IsAbove(
            ItemsMax, Encoding.UTF8.GetBytes($$"""{"many":[{{string.Join(',', many)}}]}""")));
    }

    [Theory]
    [InlineData(500, 500, false)]
    [InlineData(501, 500, true)]
    [InlineData(200, 20, false)] // A message may have as many fields.
    [InlineData(201, 20, true)]
    public void Members_of_what_can_only_be_a_map_count(int entries, int itemsMax, bool expected)
    {
        IEnumerable<string> labels = Enumerable.Range(0, entries).Select(number => $"\"{number}\":\"\"");
        string text = "{\"labels\":{" + string.Join(',', labels) + "}}";

        Assert.Equal(expected, JsonItemCount.IsAbove(itemsMax, Encoding.UTF8.GetBytes(text)));
    }

    [Fact]
    public void A_text_above_is_told_before_it_has_been_read_to_its_broken_end() =>
        Assert.True(JsonItemCount.IsAbove(ItemsMax, Encoding.UTF8.GetBytes(
            $"[{string.Join(',', Enumerable.Repeat("{}", ItemsMax + 1))}, no")));

    [Theory]
    [InlineData("no text of JSON, but long enough")]
    [InlineData("""{"many":[{},{},{},{},{},{},{},{}""")]
    [InlineData("""{"text":"0123456789012345678901"} and more""")]
    public void A_malformed_text_is_left_to_the_parser(string text) =>
        Assert.False(JsonItemCount.IsAbove(ItemsMax, Encoding.UTF8.GetBytes(text)));

    [Theory]
    [InlineData(200, false)]
    [InlineData(300, false)] // Deeper than it looks, and than the parser goes.
    public void Depth_is_no_item(int depth, bool expected)
    {
        string text = string.Concat(Enumerable.Repeat("{\"nested\":", depth)) + "{}" + new string('}', depth);

        Assert.Equal(expected, JsonItemCount.IsAbove(ItemsMax, Encoding.UTF8.GetBytes(text)));
    }
}
