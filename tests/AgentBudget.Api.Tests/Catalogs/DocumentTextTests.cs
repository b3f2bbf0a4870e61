using AgentBudget.Api.Catalogs.Documents;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Api.Tests.Catalogs;

/// <summary>What a reviewer reads is what is applied.</summary>
public sealed class DocumentTextTests
{
    [Theory]
    [InlineData(0x00)]
    [InlineData(0x01)]
    [InlineData(0x0B)]
    [InlineData(0x0C)]
    [InlineData(0x0D)]
    [InlineData(0x7F)]
    [InlineData(0x80)]
    [InlineData(0x85)]
    [InlineData(0x9F)]
    [InlineData(0xA0)]
    [InlineData(0xAD)]
    [InlineData(0x061C)]
    [InlineData(0x200B)]
    [InlineData(0x200D)]
    [InlineData(0x200E)]
    [InlineData(0x2028)]
    [InlineData(0x2029)]
    [InlineData(0x202E)]
    [InlineData(0x034F)]
    [InlineData(0x17B4)]
    [InlineData(0x180B)]
    [InlineData(0x2800)]
    [InlineData(0x3164)]
    [InlineData(0xFFA0)]
    [InlineData(0xE0100)]
    [InlineData(0x0378)]
    [InlineData(0x2066)]
    [InlineData(0x2069)]
    [InlineData(0xFEFF)]
    [InlineData(0xE0041)]
    public void A_character_that_is_not_seen_is_refused_with_its_line_wherever_it_is(int character)
    {
        string unseen = char.ConvertFromUtf32(character);
        string[] documents =
        [
            $"tenant: acme\ncurrency: USD\n# ok, ticket 12{unseen}  - {{ id: ghost }}\nbusinessUnits: []\n",
            $"tenant: acme\ncurrency: USD\nbusinessUnits: [{{ id: a, owner: \"Kim{unseen}Lee\" }}]\n",
            $"tenant: acme\ncurrency: USD\nbusiness{unseen}Units: []\n",
            $"tenant: acme\r\ncurrency: USD\r\n{unseen} \r\nbusinessUnits: []\r\n",
        ];
        foreach (string document in documents)
            AssertRefused(document, line: 3, CatalogFormat.Yaml);
        AssertRefused(
            $"{{\"tenant\":\"acme\",\n\"currency\":\"USD\",\n\"businessUnits\":[]{unseen}}}",
            line: 3,
            CatalogFormat.Json);
    }

    [Theory]
    [InlineData("\\u202E")]
    [InlineData("\\u2028")]
    [InlineData("\\u0000")]
    [InlineData("\\u0085")]
    [InlineData("\\uFEFF")]
    [InlineData("\\uD800")]
    public void An_escape_writes_nothing_that_is_not_seen(string escape)
    {
        AssertRefused(
            $"tenant: acme\ncurrency: USD\nbusinessUnits: [{{ id: a, owner: \"Kim{escape}\" }}]\n",
            line: 3,
            CatalogFormat.Yaml);
        AssertRefused(
            "{\"tenant\":\"acme\",\n\"currency\":\"USD\",\n"
            + $"\"businessUnits\":[{{\"id\":\"a\",\"owner\":\"{escape}\"}}]}}",
            line: 3,
            CatalogFormat.Json);
    }

    [Theory]
    [InlineData("\\UFFFFFFFF")]
    [InlineData("\\U00110000")]
    [InlineData("\\U0000D800")]
    public void An_escape_of_no_character_is_refused_with_its_line(string escape) => AssertRefused(
        $"tenant: acme\ncurrency: USD\nbusinessUnits: [{{ id: a, owner: \"Kim{escape}\" }}]\n",
        line: 3,
        CatalogFormat.Yaml);

    [Theory]
    [InlineData("!!str marketing")]
    [InlineData("!unit marketing")]
    [InlineData("! marketing")]
    [InlineData("!<tag:yaml.org,2002:str> marketing")]
    public void A_tag_is_refused_with_its_line(string tagged)
    {
        AssertRefused($"tenant: acme\ncurrency: USD\nbusinessUnits: [{{ id: {tagged} }}]\n", 3, CatalogFormat.Yaml);
        AssertRefused($"tenant: acme\ncurrency: USD\nbusinessUnits: {tagged[..^9]} []\n", 3, CatalogFormat.Yaml);
        AssertRefused($"tenant: acme\ncurrency: USD\n{tagged}: []\n", 3, CatalogFormat.Yaml);
    }

    [Fact]
    public void A_byte_order_mark_at_the_beginning_tabs_and_letters_of_the_world_are_fine()
    {
        const string yaml =
            "\uFEFFtenant: acme\r\ncurrency: USD # \u6F22\u5B57\t\u00FC \uD83D\uDE00\r\n"
            + "businessUnits: [{ id: a, owner: { name: J\u00FCrgen } }]\n";
        Assert.Empty(CatalogReader.Read(yaml, CatalogFormat.Yaml).Faults);
        const string json = "\uFEFF{\"tenant\":\"acme\",\"currency\":\"USD\"}";
        Assert.Empty(CatalogReader.Read(json, CatalogFormat.Json).Faults);
        Assert.NotEmpty(CatalogReader.Read("\uFEFF" + yaml, CatalogFormat.Yaml).Faults);
    }

    private static void AssertRefused(string document, int line, CatalogFormat format)
    {
        CatalogReading reading = CatalogReader.Read(document, format);
        Assert.NotEmpty(reading.Faults);
        Assert.Equal(line, reading.Faults[0].Line);
    }
}
