//! Conditions in the interface files, decided by the kernel's configuration.

use std::collections::BTreeMap;

use roxmltree::Node;
use serde_json::Value;

use crate::Error;

/// A kernel's configuration, from its `gen_config.json`.
#[derive(Debug, Clone, Default)]
pub struct Configuration(BTreeMap<String, Value>);

impl Configuration {
    /// Reads `gen_config.json`: option names without `CONFIG_`, values boolean or string.
    pub fn from_json(text: &str) -> Result<Self, Error> {
        serde_json::from_str(text)
            .map(Self)
            .map_err(|error| Error(format!("gen_config.json: {error}")))
    }

    /// True where a boolean option is on. An option that is not listed is off, as in C.
    fn is_on(&self, variable: &str) -> bool {
        let name = variable.strip_prefix("CONFIG_").unwrap_or(variable);
        self.0.get(name) == Some(&Value::Bool(true))
    }

    /// A numeric option; 0 where it is not listed, as in C.
    fn number(&self, variable: &str) -> Result<u64, Error> {
        let name = variable.strip_prefix("CONFIG_").unwrap_or(variable);
        match self.0.get(name) {
            None | Some(Value::Bool(false)) => Ok(0),
            Some(Value::Bool(true)) => Ok(1),
            Some(Value::String(text)) => text
                .parse()
                .map_err(|_| Error(format!("gen_config.json: {name} = {text:?} is no number"))),
            Some(other) => Err(Error(format!("gen_config.json: {name} = {other} is no number"))),
        }
    }

    /// Whether the node and everything around it is switched on.
    pub fn enables(&self, node: Node) -> Result<bool, Error> {
        for around in node.ancestors().filter(Node::is_element) {
            if let Some(expression) = around.attribute("condition")
                && !self.expression(expression)?
            {
                return Ok(false);
            }
            if let Some(condition) = around.children().find(|n| n.has_tag_name("condition"))
                && !self.element(condition)?
            {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// 5.0.0's C expressions: `defined(X)`, `defined X`, `X > N`.
    fn expression(&self, text: &str) -> Result<bool, Error> {
        let text = text.trim();
        if let Some(rest) = text.strip_prefix("defined") {
            let variable = rest.trim().trim_start_matches('(').trim_end_matches(')').trim();
            if variable.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
                return Ok(self.is_on(variable));
            }
        } else if let Some((variable, bound)) = text.split_once('>')
            && let Ok(bound) = bound.trim().parse::<u64>()
        {
            return Ok(self.number(variable.trim())? > bound);
        }
        Err(Error(format!("cannot read the condition {text:?}")))
    }

    /// 13's elements: `condition`, `and`, `or`, `not`, `config`.
    fn element(&self, node: Node) -> Result<bool, Error> {
        let mut parts = node.children().filter(Node::is_element);
        match node.tag_name().name() {
            "config" => node
                .attribute("var")
                .map(|variable| self.is_on(variable))
                .ok_or_else(|| Error("a <config> condition without var".into())),
            "condition" => parts.next().map_or(Ok(true), |part| self.element(part)),
            "not" => match parts.next() {
                Some(part) => Ok(!self.element(part)?),
                None => Err(Error("an empty <not> condition".into())),
            },
            "and" => parts.try_fold(true, |all, part| Ok(all & self.element(part)?)),
            "or" => parts.try_fold(false, |any, part| Ok(any | self.element(part)?)),
            other => Err(Error(format!("cannot read the condition <{other}>"))),
        }
    }
}
