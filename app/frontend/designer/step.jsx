// One node on the canvas.
import { memo } from "react";
import { BaseEdge, Handle, Position, getSmoothStepPath } from "@xyflow/react";

export function Icon({ name }) {
  const shape = document.querySelector(`#canvas-icons [data-icon="${name}"]`)?.innerHTML ?? "";
  return <span className="step-icon" aria-hidden="true" dangerouslySetInnerHTML={{ __html: shape }} />;
}

// An edge says its branch where it leaves its node: in the middle the words of two edges would meet. No stands left, yes right.
export const Way = memo(function Way({ sourceX, sourceY, targetX, targetY, sourcePosition, targetPosition, label, markerEnd, data }) {
  const [path] = getSmoothStepPath({ sourceX, sourceY, targetX, targetY, sourcePosition, targetPosition });
  return <BaseEdge path={path} label={label} labelX={sourceX + data.aside} labelY={sourceY + 14} markerEnd={markerEnd} />;
});

export const Step = memo(function Step({ data }) {
  return (
    <div className={`step${data.mark ? ` has-${data.mark}` : ""}${data.found ? " is-found" : ""}`}>
      {data.starts && <span className="step-start">start</span>}
      <Handle type="target" position={Position.Top} />
      <Icon name={data.type} />
      <span className="step-words">
        <span className="step-title">{data.title}</span>
        <span className="step-kind">{data.kind}</span>
      </span>
      {data.mark && <span className="step-mark" title={`${data.count} problems`}>{data.count}</span>}
      {!data.ends && <Handle type="source" position={Position.Bottom} />}
    </div>
  );
});
