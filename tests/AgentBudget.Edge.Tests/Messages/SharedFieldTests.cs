using AgentBudget.Api.Edge.Checks;
using EdgeTest.V1;
using Google.Protobuf;

namespace AgentBudget.Edge.Tests.Messages;

public sealed class SharedFieldTests
{
    private static readonly string Text = string.Concat(Enumerable.Repeat("a text that calls repeat, ", 10));

    private readonly SharedField _shared = SharedField.Of(EchoRequest.Descriptor, "text", new SharedTexts())!;
    private readonly SharedField _items = SharedField.Of(EchoItem.Descriptor, "text", new SharedTexts())!;

    [Fact]
    public void Messages_share_one_string_and_are_otherwise_as_parsed()
    {
        EchoRequest first = new() { Text = Text, Count = 7, Nested = new EchoRequest { Text = "inner" } };
        EchoRequest second = new() { Text = Text, Payload = ByteString.CopyFromUtf8("bytes") };

        var firstRead = (EchoRequest)_shared.Parse(first.ToByteArray());
        var secondRead = (EchoRequest)_shared.Parse(second.ToByteArray());

        Assert.Equal(first, firstRead);
        Assert.Equal(second, secondRead);
        Assert.Same(firstRead.Text, secondRead.Text);
    }

    [Fact]
    public void Texts_that_fall_on_one_another_are_each_shared()
    {
        // The end of a text says where it is kept.
        byte[][] messages =
            [.. Enumerable.Range(0, 8).Select(number => new EchoRequest { Text = number + Text }.ToByteArray())];

        string[] first = [.. messages.Select(message => ((EchoRequest)_shared.Parse(message)).Text)];
        string[] again = [.. messages.Select(message => ((EchoRequest)_shared.Parse(message)).Text)];

        Assert.All(first.Zip(again), pair => Assert.Same(pair.First, pair.Second));
    }

    [Fact]
    public void The_field_may_stand_anywhere_in_the_message()
    {
        byte[] text = new EchoRequest { Text = Text }.ToByteArray();
        byte[] rest = new EchoRequest { Count = 3, Payload = ByteString.CopyFromUtf8("p") }.ToByteArray();
        EchoRequest expected = new() { Text = Text, Count = 3, Payload = ByteString.CopyFromUtf8("p") };

        Assert.Equal(expected, _shared.Parse([.. rest, .. text]));
        Assert.Equal(expected, _shared.Parse([.. text, .. rest]));
    }

    [Fact]
    public void Of_a_field_that_is_there_twice_the_last_counts()
    {
        byte[] twice =
            [.. new EchoRequest { Text = Text }.ToByteArray(), .. new EchoRequest { Text = "last" }.ToByteArray()];

        Assert.Equal("last", ((EchoRequest)_shared.Parse(twice)).Text);
    }

    [Fact]
    public void Items_share_the_text_of_the_message_in_them()
    {
        EchoItem first = new() { Number = 1, Request = new EchoRequest { Text = Text, Count = 7 } };
        EchoItem second = new() { Number = 2, Response = new EchoResponse { Text = Text, Number = 9 } };

        var firstRead = (EchoItem)_items.Parse(first.ToByteArray());
        var secondRead = (EchoItem)_items.Parse(second.ToByteArray());

        Assert.Equal(first, firstRead);
        Assert.Equal(second, secondRead);
        Assert.Same(firstRead.Request.Text, secondRead.Response.Text);
    }

    [Fact]
    public void Of_an_item_with_two_messages_the_last_counts_and_two_of_one_kind_are_merged()
    {
        byte[] request = new EchoItem { Request = new EchoRequest { Text = Text, Count = 7 } }.ToByteArray();
        byte[] more = new EchoItem { Request = new EchoRequest { Text = Text + "!" } }.ToByteArray();
        byte[] response = new EchoItem { Number = 3, Response = new EchoResponse { Text = Text } }.ToByteArray();
        byte[][] items = [[.. request, .. response], [.. response, .. request], [.. request, .. more], []];

        foreach (byte[] item in items)
            Assert.Equal(EchoItem.Parser.ParseFrom(item), _items.Parse(item));
    }

    [Fact]
    public void A_type_without_the_text_is_not_shared() =>
        Assert.Null(SharedField.Of(EchoItem.Descriptor, "number", new SharedTexts()));

    [Fact]
    public void Texts_that_end_alike_are_told_apart()
    {
        string other = "b" + Text[1..];
        Assert.Equal(Text, ((EchoRequest)_shared.Parse(new EchoRequest { Text = Text }.ToByteArray())).Text);
        Assert.Equal(other, ((EchoRequest)_shared.Parse(new EchoRequest { Text = other }.ToByteArray())).Text);
        Assert.Equal(Text, ((EchoRequest)_shared.Parse(new EchoRequest { Text = Text }.ToByteArray())).Text);
    }

    [Fact]
    public void What_is_malformed_is_refused_like_without_sharing()
    {
        byte[] good = new EchoRequest { Text = Text, Count = 7 }.ToByteArray();
        for (int length = 1; length < good.Length; length++)
        {
            byte[] cut = good[..length];
            Assert.Equal(Outcome(() => EchoRequest.Parser.ParseFrom(cut)), Outcome(() => _shared.Parse(cut)));
        }

        byte[] item = new EchoItem { Number = 1, Request = EchoRequest.Parser.ParseFrom(good) }.ToByteArray();
        for (int length = 1; length < item.Length; length++)
        {
            byte[] cut = item[..length];
            Assert.Equal(Outcome(() => EchoItem.Parser.ParseFrom(cut)), Outcome(() => _items.Parse(cut)));
        }

        byte[] badText = [.. good];
        badText[10] = 0xff;
        Assert.Equal(Outcome(() => EchoRequest.Parser.ParseFrom(badText)), Outcome(() => _shared.Parse(badText)));
    }

    private static string Outcome(Func<IMessage> parse)
    {
        try
        {
            return parse().ToString()!;
        }
        catch (InvalidProtocolBufferException failure)
        {
            return failure.GetType().Name;
        }
    }
}
