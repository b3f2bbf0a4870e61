using System.Reflection;
using Grpc.AspNetCore.Server.Model;
using Grpc.Core;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Options;

namespace AgentBudget.Api.Edge.Checks;

/// <summary>
/// Finds the methods of a service as gRPC's own provider does, which this replaces, and reads their requests with
/// <see cref="RequestMarshaller"/>.
/// </summary>
internal sealed class BoundedMethodProvider<TService>(IOptions<EdgeOptions> options, SharedTexts texts)
    : IServiceMethodProvider<TService>
    where TService : class
{
    /// <inheritdoc/>
    public void OnServiceMethodDiscovery(ServiceMethodProviderContext<TService> context)
    {
        for (Type? type = typeof(TService); type is not null; type = type.BaseType)
        {
            if (type.GetCustomAttribute<BindServiceMethodAttribute>(inherit: false) is not { } binding)
                continue;
            MethodInfo bind = binding.BindType.GetMethod(
                binding.BindMethodName,
                BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Static,
                [typeof(ServiceBinderBase), type])
                ?? throw new InvalidOperationException($"{type} names a binding that is not there.");
            bind.Invoke(null, [new Binder(context, type, options.Value, texts), null]);
            return;
        }
    }

    private sealed class Binder(
        ServiceMethodProviderContext<TService> context, Type baseType, EdgeOptions options, SharedTexts texts)
        : ServiceBinderBase
    {
        public override void AddMethod<TRequest, TResponse>(
            Method<TRequest, TResponse> method, UnaryServerMethod<TRequest, TResponse>? handler)
        {
            (UnaryServerMethod<TService, TRequest, TResponse> invoker, List<object> metadata) =
                Find<UnaryServerMethod<TService, TRequest, TResponse>>(
                    method.Name, typeof(TRequest), typeof(ServerCallContext));
            context.AddUnaryMethod(RequestMarshaller.Bound(method, options, texts), metadata, invoker);
        }

        public override void AddMethod<TRequest, TResponse>(
            Method<TRequest, TResponse> method, ServerStreamingServerMethod<TRequest, TResponse>? handler)
        {
            (ServerStreamingServerMethod<TService, TRequest, TResponse> invoker, List<object> metadata) =
                Find<ServerStreamingServerMethod<TService, TRequest, TResponse>>(
                    method.Name, typeof(TRequest), typeof(IServerStreamWriter<TResponse>), typeof(ServerCallContext));
            context.AddServerStreamingMethod(RequestMarshaller.Bound(method, options, texts), metadata, invoker);
        }

        public override void AddMethod<TRequest, TResponse>(
            Method<TRequest, TResponse> method, ClientStreamingServerMethod<TRequest, TResponse>? handler)
        {
            (ClientStreamingServerMethod<TService, TRequest, TResponse> invoker, List<object> metadata) =
                Find<ClientStreamingServerMethod<TService, TRequest, TResponse>>(
                    method.Name, typeof(IAsyncStreamReader<TRequest>), typeof(ServerCallContext));
            context.AddClientStreamingMethod(RequestMarshaller.Bound(method, options, texts), metadata, invoker);
        }

        public override void AddMethod<TRequest, TResponse>(
            Method<TRequest, TResponse> method, DuplexStreamingServerMethod<TRequest, TResponse>? handler)
        {
            (DuplexStreamingServerMethod<TService, TRequest, TResponse> invoker, List<object> metadata) =
                Find<DuplexStreamingServerMethod<TService, TRequest, TResponse>>(
                    method.Name,
                    typeof(IAsyncStreamReader<TRequest>),
                    typeof(IServerStreamWriter<TResponse>),
                    typeof(ServerCallContext));
            context.AddDuplexStreamingMethod(RequestMarshaller.Bound(method, options, texts), metadata, invoker);
        }

        // What stands on the method wins over what stands on its class, so it comes later.
        private (TInvoker Invoker, List<object> Metadata) Find<TInvoker>(string name, params Type[] parameters)
            where TInvoker : Delegate
        {
            MethodInfo method =
                typeof(TService).GetMethod(name, BindingFlags.Public | BindingFlags.Instance, parameters)
                ?? throw new InvalidOperationException($"{typeof(TService)} has no method {name}.");
            if (method.GetBaseDefinition().DeclaringType != baseType)
                throw new InvalidOperationException($"{typeof(TService)} hides the method {name} of its base.");
            List<object> metadata =
            [
                .. typeof(TService).GetCustomAttributes(inherit: true),
                .. method.GetCustomAttributes(inherit: true),
                new HttpMethodMetadata(["POST"], acceptCorsPreflight: true),
            ];
            return (method.CreateDelegate<TInvoker>(), metadata);
        }
    }
}
