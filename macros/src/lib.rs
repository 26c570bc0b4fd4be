//! Derives the data form of a Convoke trait, so that the trait stays the one definition.

use proc_macro::TokenStream;
use proc_macro2::TokenStream as Tokens;
use quote::{format_ident, quote};
use syn::{
    Attribute, Error, FnArg, GenericArgument, Ident, ItemTrait, Pat, PathArguments, Result, ReturnType, TraitItem,
    TraitItemFn, Type, parse_macro_input,
};

/// Makes the operations of an async trait available as data.
///
/// On `trait Messages` of `convoke-core` it makes, beside the unchanged trait:
///
/// - `enum MessagesOperation`: one variant per method, named as the method, with its arguments as owned fields;
/// - `enum MessagesAnswer`: one variant per method, holding what the method answers;
/// - `MessagesOperation::{name, is_read, run}`: `run` calls the method on any implementor;
/// - `impl Messages for Executed<E>`: each method builds its operation and hands it to `E: Execute`, so that
///   recording, tracing, faults and replication are written once.
///
/// A method is `async fn name(&self, argument: Type or &Type, …) -> Result<Answer>`. Mark one that changes
/// nothing with `#[read]`.
#[proc_macro_attribute]
pub fn operations(_: TokenStream, item: TokenStream) -> TokenStream {
    let item = parse_macro_input!(item as ItemTrait);
    expand(item).unwrap_or_else(Error::into_compile_error).into()
}

struct Method {
    name: Ident,
    variant: Ident,
    is_read: bool,
    arguments: Vec<Argument>,
    answer: Type,
    summary: String,
}

struct Argument {
    name: Ident,
    owned: Type,
    declared: Type,
    by_reference: bool,
}

fn expand(mut item: ItemTrait) -> Result<Tokens> {
    let mut methods = Vec::new();
    for member in &mut item.items {
        if let TraitItem::Fn(function) = member {
            methods.push(method(function)?);
        }
    }
    let operation = operation_enum(&item, &methods);
    let answer = answer_enum(&item, &methods);
    let executed = executed_impl(&item, &methods);
    Ok(quote! { #item #operation #answer #executed })
}

fn method(function: &mut TraitItemFn) -> Result<Method> {
    let is_read = function.attrs.iter().any(|attribute| attribute.path().is_ident("read"));
    function.attrs.retain(|attribute| !attribute.path().is_ident("read"));
    let signature = &function.sig;
    let arguments = signature.inputs.iter().skip(1).map(argument).collect::<Result<_>>()?;
    Ok(Method {
        name: signature.ident.clone(),
        variant: camel_case(&signature.ident),
        is_read,
        arguments,
        answer: answer_type(&signature.output)?,
        summary: summary(&function.attrs),
    })
}

fn argument(input: &FnArg) -> Result<Argument> {
    let FnArg::Typed(typed) = input else {
        return Err(Error::new_spanned(input, "an operation takes &self first, and once"));
    };
    let Pat::Ident(pattern) = &*typed.pat else {
        return Err(Error::new_spanned(
            &typed.pat,
            "an argument of an operation has a plain name",
        ));
    };
    let (owned, by_reference) = match &*typed.ty {
        Type::Reference(reference) => ((*reference.elem).clone(), true),
        other => (other.clone(), false),
    };
    Ok(Argument {
        name: pattern.ident.clone(),
        owned,
        declared: (*typed.ty).clone(),
        by_reference,
    })
}

fn answer_type(output: &ReturnType) -> Result<Type> {
    if let ReturnType::Type(_, result) = output
        && let Type::Path(path) = &**result
        && let Some(last) = path.path.segments.last()
        && let PathArguments::AngleBracketed(arguments) = &last.arguments
        && let Some(GenericArgument::Type(answer)) = arguments.args.first()
    {
        return Ok(answer.clone());
    }
    Err(Error::new_spanned(output, "an operation answers Result<Answer>"))
}

fn summary(attributes: &[Attribute]) -> String {
    let first = attributes.iter().find_map(|attribute| match &attribute.meta {
        syn::Meta::NameValue(pair) if pair.path.is_ident("doc") => match &pair.value {
            syn::Expr::Lit(syn::ExprLit {
                lit: syn::Lit::Str(text),
                ..
            }) => Some(text.value()),
            _ => None,
        },
        _ => None,
    });
    first.unwrap_or_default().trim().to_owned()
}

fn camel_case(name: &Ident) -> Ident {
    let words = name.to_string();
    let camel: String = words
        .split('_')
        .map(|word| {
            let mut letters = word.chars();
            letters
                .next()
                .map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
        })
        .collect();
    format_ident!("{camel}")
}

fn operation_enum(item: &ItemTrait, methods: &[Method]) -> Tokens {
    let name = &item.ident;
    let operation = format_ident!("{name}Operation");
    let answer = format_ident!("{name}Answer");
    let doc = format!("The operations of [`{name}`] as data; run one on any backend with [`{operation}::run`].");
    let variants = methods.iter().map(|method| {
        let (variant, doc) = (&method.variant, &method.summary);
        let fields = method.arguments.iter().map(|Argument { name, owned, .. }| {
            let doc = format!("The argument `{name}`.");
            quote! { #[doc = #doc] #name: #owned }
        });
        quote! { #[doc = #doc] #variant { #(#fields),* } }
    });
    let names = methods.iter().map(|Method { name, variant, .. }| {
        let text = name.to_string();
        quote! { Self::#variant { .. } => #text }
    });
    let reads = methods
        .iter()
        .map(|Method { variant, is_read, .. }| quote! { Self::#variant { .. } => #is_read });
    let calls = methods.iter().map(
        |Method {
             name,
             variant,
             arguments,
             ..
         }| {
            let fields: Vec<_> = arguments.iter().map(|argument| &argument.name).collect();
            let passed = arguments.iter().map(|Argument { name, by_reference, .. }| {
                if *by_reference {
                    quote! { #name }
                } else {
                    quote! { ::core::clone::Clone::clone(#name) }
                }
            });
            quote! { Self::#variant { #(#fields),* } => store.#name(#(#passed),*).await.map(#answer::#variant) }
        },
    );
    quote! {
        #[doc = #doc]
        #[derive(Clone, Debug, PartialEq, ::serde::Serialize, ::serde::Deserialize)]
        #[serde(rename_all = "snake_case")]
        #[non_exhaustive]
        pub enum #operation { #(#variants),* }

        impl #operation {
            /// The name of the method that this is.
            #[must_use]
            pub const fn name(&self) -> &'static str {
                match self { #(#names),* }
            }

            /// Whether it changes nothing.
            #[must_use]
            pub const fn is_read(&self) -> bool {
                match self { #(#reads),* }
            }

            /// Runs it on a store.
            ///
            /// # Errors
            /// Those of the method that this is.
            pub async fn run<S: #name + ?Sized>(&self, store: &S) -> crate::Result<#answer> {
                match self { #(#calls),* }
            }
        }
    }
}

fn answer_enum(item: &ItemTrait, methods: &[Method]) -> Tokens {
    let name = &item.ident;
    let answer = format_ident!("{name}Answer");
    let doc = format!("What the operations of [`{name}`] answer, as data.");
    let variants = methods.iter().map(
        |Method {
             variant, answer, name, ..
         }| {
            let doc = format!("What `{name}` answers.");
            quote! { #[doc = #doc] #variant(#answer) }
        },
    );
    quote! {
        #[doc = #doc]
        #[derive(Clone, Debug, PartialEq, ::serde::Serialize, ::serde::Deserialize)]
        #[serde(rename_all = "snake_case")]
        #[non_exhaustive]
        pub enum #answer { #(#variants),* }
    }
}

fn executed_impl(item: &ItemTrait, methods: &[Method]) -> Tokens {
    let name = &item.ident;
    let operation = format_ident!("{name}Operation");
    let answer = format_ident!("{name}Answer");
    let functions = methods.iter().map(|method| {
        let Method {
            name: function,
            variant,
            answer: output,
            ..
        } = method;
        let declared = method
            .arguments
            .iter()
            .map(|Argument { name, declared, .. }| quote! { #name: #declared });
        let fields = method.arguments.iter().map(|Argument { name, by_reference, .. }| {
            if *by_reference {
                quote! { #name: ::core::clone::Clone::clone(#name) }
            } else {
                quote! { #name }
            }
        });
        quote! {
            async fn #function(&self, #(#declared),*) -> crate::Result<#output> {
                let operation = #operation::#variant { #(#fields),* };
                match self.0.execute(operation.into()).await? {
                    crate::Answer::#name(#answer::#variant(answer)) => Ok(answer),
                    other => Err(crate::operation::mismatched(stringify!(#function), &other)),
                }
            }
        }
    });
    quote! {
        #[::async_trait::async_trait]
        impl<E: crate::Execute> #name for crate::Executed<E> { #(#functions)* }

        impl From<#operation> for crate::Operation {
            fn from(operation: #operation) -> Self {
                Self::#name(operation)
            }
        }

        impl From<#answer> for crate::Answer {
            fn from(answer: #answer) -> Self {
                Self::#name(answer)
            }
        }
    }
}
