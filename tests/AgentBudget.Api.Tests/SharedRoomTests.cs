namespace AgentBudget.Api.Tests;

public sealed class SharedRoomTests
{
    [Fact]
    public void A_tenant_that_takes_more_meets_its_own_bound_and_another_finds_room()
    {
        SharedRoom room = new(most: 4, mostOfOne: 2);
        Assert.True(room.TryEnter("noisy", out _));
        Assert.True(room.TryEnter("noisy", out _));
        Assert.False(room.TryEnter("noisy", out bool isOwnBound));
        Assert.True(isOwnBound);
        Assert.True(room.TryEnter("quiet", out _));
        room.Leave("noisy");
        Assert.True(room.TryEnter("noisy", out _));
        Assert.True(room.TryEnter("third", out _));
        Assert.False(room.TryEnter("fourth", out isOwnBound));
        Assert.False(isOwnBound);
        room.Leave("third");
        Assert.True(room.TryEnter("fourth", out _));
    }
}
